//! Keys sort as their parts do.

use base::key;
use base::key::{KeyPart, decode_i64, decode_timestamp, join, prefix, split};
use jiff::Timestamp;
use proptest::prelude::*;

/// Texts that are mostly made of what the encoding has to escape, and of its neighbours.
fn text() -> impl Strategy<Value = String> {
    let awkward = prop::sample::select(vec!['\u{0}', '\u{1}', '\u{2}', '\u{3}', '0', '1', '2', 'a', '\u{10ffff}']);
    prop_oneof![prop::collection::vec(awkward, 0..5).prop_map(String::from_iter), any::<String>()]
}

fn instant() -> impl Strategy<Value = Timestamp> {
    let range = Timestamp::MIN.as_microsecond()..=Timestamp::MAX.as_microsecond();
    range.prop_filter_map("an instant", |at| Timestamp::from_microsecond(at).ok())
}

fn joined(texts: &[String]) -> String {
    let parts: Vec<&dyn KeyPart> = texts.iter().map(|text| text as &dyn KeyPart).collect();
    join(&parts)
}

proptest! {
    #[test]
    fn texts_sort_part_by_part(
        a in prop::collection::vec(text(), 1..4),
        b in prop::collection::vec(text(), 1..4),
    ) {
        prop_assert_eq!(joined(&a).cmp(&joined(&b)), a.cmp(&b));
    }

    #[test]
    fn mixed_parts_sort_part_by_part(
        a in (text(), any::<i64>(), instant(), text(), any::<u64>()),
        b in (text(), any::<i64>(), instant(), text(), any::<u64>()),
        shared in 0..5,
    ) {
        let mut b = b;
        if shared > 0 { b.0.clone_from(&a.0) }
        if shared > 1 { b.1 = a.1 }
        if shared > 2 { b.2 = a.2 }
        if shared > 3 { b.3.clone_from(&a.3) }
        let keys = [&a, &b].map(|(s, n, at, t, u)| key![s, *n, *at, t, *u]);
        prop_assert_eq!(keys[0].cmp(&keys[1]), a.cmp(&b));
    }

    #[test]
    fn a_key_comes_apart_into_its_parts(texts in prop::collection::vec(text(), 1..5), n: i64, at in instant()) {
        prop_assert_eq!(split(&joined(&texts)), texts);
        let parts = split(&key![n, at]);
        prop_assert_eq!((decode_i64(&parts[0]), decode_timestamp(&parts[1])), (Some(n), Some(at)));
    }

    #[test]
    fn a_prefix_is_of_the_keys_that_go_on(a in prop::collection::vec(text(), 1..3), b in prop::collection::vec(text(), 1..5)) {
        let goes_on = b.len() > a.len() && b.starts_with(&a);
        prop_assert_eq!(joined(&b).starts_with(&prefix(&joined(&a))), goes_on);
    }
}

#[test]
fn what_is_no_number_is_not_decoded() {
    for part in [
        "",
        "0",
        "80000000000000000",
        "g000000000000000",
        "+000000000000000",
        "800000000000000A",
        "8000000000\u{e9}0000",
    ] {
        assert_eq!(decode_i64(part), None, "{part}");
    }
}
