//! Ranges, their order, and their pages.

use crate::Store;
use crate::conformance::Fixture;
use crate::conformance::store::TABLE;
use crate::store::{Body, ITEM_BYTES_MAX, Order, PAGE_BYTES_MAX, Query, Range, Write, item_bytes};

/// Sorted as bytes: capitals first, and the characters that UTF-16 would put elsewhere.
const SORTED: [&str; 14] =
    ["10", "9", "A", "B", "a", "a\u{1}b", "aa", "b", "z", "\u{7f}", "\u{80}", "\u{e9}", "\u{ffff}", "\u{10000}"];

/// Sort keys are compared byte by byte, both ways.
pub async fn order_is_bytewise(fx: &Fixture<dyn Store>) {
    let mut shuffled = SORTED;
    shuffled.reverse();
    shuffled.swap(2, 9);
    shuffled.swap(5, 12);
    fx.fill("p", &shuffled).await;
    assert_eq!(fx.sorts(fx.all_of("p")).await, SORTED);
    let mut reversed = SORTED;
    reversed.reverse();
    assert_eq!(fx.sorts(fx.all_of("p").descending()).await, reversed);
}

/// A prefix is no pattern, knows no case, and holds even what ends in the largest character.
pub async fn a_prefix_holds_exactly_what_begins_so(fx: &Fixture<dyn Store>) {
    let sorts =
        ["%", "A_", "a", "a%b", "a%c", "aXb", "a_b", "a\u{10ffff}", "a\u{10ffff}\u{10ffff}x", "b", "\u{10ffff}z"];
    fx.fill("p", &sorts).await;
    for prefix in ["", "%", "a", "A", "a%", "a_", "a\u{10ffff}", "a\u{10ffff}\u{10ffff}", "\u{10ffff}", "ab", "b"] {
        let mut expected: Vec<&str> = sorts.into_iter().filter(|sort| sort.starts_with(prefix)).collect();
        expected.sort_unstable();
        let query = fx.all_of("p").prefix(prefix);
        assert_eq!(fx.sorts(query.clone()).await, expected, "{prefix:?}");
        expected.reverse();
        assert_eq!(fx.sorts(query.descending()).await, expected, "{prefix:?} descending");
    }
}

/// From the first to the second, both included, whether or not they exist.
pub async fn between_includes_both_ends(fx: &Fixture<dyn Store>) {
    fx.fill("p", &["a", "b", "c", "d"]).await;
    let cases: [(&str, &str, &[&str]); 5] = [
        ("b", "c", &["b", "c"]),
        ("b", "b", &["b"]),
        ("aa", "cc", &["b", "c"]),
        ("0", "z", &["a", "b", "c", "d"]),
        ("e", "f", &[]),
    ];
    for (from, to, expected) in cases {
        let query = fx.all_of("p").range(Range::Between(from.into(), to.into()));
        assert_eq!(fx.sorts(query.clone()).await, expected, "{from} to {to}");
        let reversed: Vec<_> = expected.iter().rev().copied().collect();
        assert_eq!(fx.sorts(query.descending()).await, reversed, "{from} to {to} descending");
    }
}

/// From a larger key to a smaller one there is nothing, and no error.
pub async fn a_range_upside_down_is_empty(fx: &Fixture<dyn Store>) {
    fx.fill("p", &["a", "b", "c"]).await;
    let range = Range::Between("c".into(), "a".into());
    for query in [fx.all_of("p").range(range.clone()), fx.all_of("p").range(range.clone()).descending()] {
        assert!(fx.sorts(query).await.is_empty());
    }
    assert_eq!(fx.count(TABLE, &fx.partition("p"), range).await.unwrap(), 0);
}

/// Page after page gives every item once, in order, whatever the size of the pages.
pub async fn pages_go_on_after_sort_key(fx: &Fixture<dyn Store>) {
    fx.fill("p", &SORTED).await;
    for limit in [1, 2, 3, 7, SORTED.len() - 1, SORTED.len(), SORTED.len() + 1] {
        let ascending = pages(fx, fx.all_of("p").limit(limit)).await;
        assert_eq!(ascending, SORTED, "pages of {limit}");
        let mut descending = pages(fx, fx.all_of("p").descending().limit(limit)).await;
        descending.reverse();
        assert_eq!(descending, SORTED, "pages of {limit} descending");
    }
}

/// Follows a query, checking that each page keeps to its limit and ends with its cursor's key.
async fn pages(fx: &Fixture<dyn Store>, mut query: Query) -> Vec<String> {
    let mut sorts = Vec::new();
    loop {
        let slice = fx.query(query.clone()).await.unwrap();
        assert!(slice.items.len() <= query.limit);
        sorts.extend(slice.items.into_iter().map(|item| item.key.sort));
        match slice.next {
            Some(next) => {
                assert!(query.after.as_ref().is_none_or(|after| advances(query.order, after, &next)));
                query.after = Some(next);
            }
            None => return sorts,
        }
    }
}

fn advances(order: Order, after: &str, next: &str) -> bool {
    match order {
        Order::Ascending => next > after,
        Order::Descending => next < after,
    }
}

/// A cursor is a place between items: what stood there may be gone, or never have been.
pub async fn a_cursor_need_not_exist(fx: &Fixture<dyn Store>) {
    fx.fill("p", &["a", "b", "c", "d"]).await;
    fx.done(Write::delete(fx.key("p", "b"))).await;
    for (after, ascending, descending) in [
        ("b", &["c", "d"][..], &["a"][..]),
        ("bb", &["c", "d"], &["a"]),
        ("0", &["a", "c", "d"], &[]),
        ("e", &[], &["d", "c", "a"]),
    ] {
        let query = fx.all_of("p").after(Some(after.into()));
        assert_eq!(fx.sorts(query.clone()).await, ascending, "after {after}");
        assert_eq!(fx.sorts(query.descending()).await, descending, "before {after}");
    }
}

/// A cursor outside the range neither widens it nor fails.
pub async fn a_cursor_stays_within_its_range(fx: &Fixture<dyn Store>) {
    fx.fill("p", &["a", "b1", "b2", "b3", "c"]).await;
    for range in [Range::Prefix("b".into()), Range::Between("b1".into(), "b3".into())] {
        for (after, ascending, descending) in [
            ("a", &["b1", "b2", "b3"][..], &[][..]),
            ("b1", &["b2", "b3"], &[]),
            ("b2", &["b3"], &["b1"]),
            ("b3", &[], &["b2", "b1"]),
            ("c", &[], &["b3", "b2", "b1"]),
        ] {
            let query = fx.all_of("p").range(range.clone()).after(Some(after.into()));
            assert_eq!(fx.sorts(query.clone()).await, ascending, "{range:?} after {after}");
            assert_eq!(fx.sorts(query.descending()).await, descending, "{range:?} before {after}");
        }
    }
}

/// A page ends when it has gathered a megabyte, and the next one goes on.
pub async fn a_page_ends_at_a_megabyte(fx: &Fixture<dyn Store>) {
    let sorts: Vec<String> = (0..8).map(|n| n.to_string()).collect();
    for sort in &sorts {
        let data = format!("\"{}\"", "x".repeat(300 << 10));
        fx.done(Write::put(fx.key("p", sort), Body::data(data))).await;
    }
    let mut query = fx.all_of("p").limit(1_000);
    let (mut found, mut pages) = (Vec::new(), 0);
    loop {
        let slice = fx.query(query.clone()).await.unwrap();
        let bytes: usize = slice.items.iter().map(|item| item_bytes(&item.key, &item.body)).sum();
        assert!(bytes < PAGE_BYTES_MAX + ITEM_BYTES_MAX, "a page of {bytes} bytes");
        found.extend(slice.items.into_iter().map(|item| item.key.sort));
        pages += 1;
        query.after = slice.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(found, sorts);
    assert!(pages >= 2, "2.4 MB came as one page");
}

/// A count is the number of items that a query of the range gives.
pub async fn count_agrees_with_query(fx: &Fixture<dyn Store>) {
    fx.fill("p", &SORTED).await;
    let ranges =
        [Range::All, Range::Prefix("a".into()), Range::Prefix("x".into()), Range::Between("A".into(), "b".into())];
    for range in ranges {
        let expected = fx.sorts(fx.all_of("p").range(range.clone())).await.len() as u64;
        assert_eq!(fx.count(TABLE, &fx.partition("p"), range.clone()).await.unwrap(), expected, "{range:?}");
    }
}

/// A partition is made by its first item.
pub async fn an_unknown_partition_is_an_empty_page(fx: &Fixture<dyn Store>) {
    let slice = fx.query(fx.all_of("nothing")).await.unwrap();
    assert_eq!((slice.items, slice.next), (vec![], None));
    assert_eq!(fx.count(TABLE, &fx.partition("nothing"), Range::All).await.unwrap(), 0);
}
