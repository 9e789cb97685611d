//! Transactions, conditions and versions.

use std::collections::HashSet;

use crate::conformance::Fixture;
use crate::conformance::store::{TABLE, int};
use crate::store::{Body, Bulk, Field, StoreError, Version, When, Write};
use crate::{Store, StoreExt};

/// One condition that does not hold leaves every item of the transaction as it was.
pub async fn a_write_is_all_or_nothing(fx: &Fixture<dyn Store>) {
    let [put, added, deleted, missing] = ["put", "added", "deleted", "missing"].map(|sort| fx.key("p", sort));
    for key in [&put, &added, &deleted] {
        fx.done(Write::put(key.clone(), Body::data("1").with("n", 1))).await;
    }
    let before = fx.items("p").await;
    let mut writes = vec![
        Write::put(put.clone(), Body::data("2")),
        Write::add(added.clone(), [("n", 1)]),
        Write::delete(deleted.clone()),
        Write::put(missing.clone(), Body::data("2")).when(When::Present),
    ];
    assert_eq!(fx.settled(writes.clone()).await, Err(StoreError::Failed(vec![3])));
    assert_eq!(fx.items("p").await, before);

    writes[3].when = When::Absent;
    fx.settled(writes).await.unwrap();
    assert_eq!(fx.read(&put).await.unwrap().data(), "2");
    assert_eq!(fx.read(&added).await.unwrap().int("n"), 2);
    assert_eq!(fx.read(&deleted).await, None);
    assert_eq!(fx.read(&missing).await.unwrap().data(), "2");
}

/// The error names the index of each condition that did not hold, ascending, and no other.
pub async fn a_failed_write_names_every_condition(fx: &Fixture<dyn Store>) {
    fx.fill("p", &["a", "b"]).await;
    let writes = vec![
        Write::put(fx.key("p", "a"), Body::default()).when(When::Absent),
        Write::put(fx.key("p", "b"), Body::default()).when(When::Present),
        Write::delete(fx.key("p", "c")).when(When::Present),
        Write::add(fx.key("p", "d"), [("n", 1)]),
        Write::check(fx.key("p", "e"), When::is("n", 1)),
        Write::check(fx.key("p", "f"), When::Absent),
    ];
    assert_eq!(fx.settled(writes).await, Err(StoreError::Failed(vec![0, 2, 4])));
    let all_fail = (0..100).map(|n| Write::check(fx.key("p", &format!("no{n}")), When::Present)).collect();
    assert_eq!(fx.settled(all_fail).await, Err(StoreError::Failed((0..100).collect())));
    let one = Write::put(fx.key("p", "a"), Body::default()).when(When::Absent);
    assert_eq!(fx.settled(vec![one]).await, Err(StoreError::Failed(vec![0])));
}

/// Every condition, on an absent and on a present item, under every action.
pub async fn every_condition_means_what_it_says(fx: &Fixture<dyn Store>) {
    let body = Body::data("1").with("n", 1).with("s", "x").with("b", true);
    let other = Version(uuid::Uuid::from_u128(1));
    let cases: [(When, bool, bool); 12] = [
        (When::Always, true, true),
        (When::Absent, true, false),
        (When::Present, false, true),
        (When::Version(other), false, false),
        (When::is("n", 1), false, true),
        (When::is("n", 2), false, false),
        (When::is("n", "1"), false, false),
        (When::is("s", "x"), false, true),
        (When::is("s", ""), false, false),
        (When::is("b", true), false, true),
        (When::is("b", false), false, false),
        (When::is("missing", 0), false, false),
    ];
    for (when, on_absent, on_present) in cases {
        for action in 0..4 {
            for (present, expected) in [(false, on_absent), (true, on_present)] {
                let key = fx.key("p", "s");
                let make = if present { Write::put(key.clone(), body.clone()) } else { Write::delete(key.clone()) };
                fx.done(make).await;
                let write = match action {
                    0 => Write::put(key, Body::data("2")),
                    1 => Write::delete(key),
                    2 => Write::add(key, [("count", 1)]),
                    _ => Write::check(key, When::Always),
                };
                let answer = fx.settled(vec![write.clone().when(when.clone())]).await;
                assert_eq!(answer.is_ok(), expected, "{when:?} on {write:?}, present: {present}");
                if !expected {
                    assert_eq!(answer, Err(StoreError::Failed(vec![0])));
                }
            }
        }
    }
}

/// No two writes share a version, whatever they do and however little they change.
pub async fn versions_are_new_at_every_write(fx: &Fixture<dyn Store>) {
    let key = fx.key("p", "s");
    let mut seen = HashSet::new();
    for round in 0..10 {
        let version = match round % 3 {
            0 => fx.done(Write::put(key.clone(), Body::data("1"))).await,
            1 => fx.done(Write::add(key.clone(), [("n", 0)])).await,
            _ => {
                fx.bulk(TABLE, vec![Bulk::Put(key.clone(), Body::data("1"))]).await.unwrap();
                fx.read(&key).await.unwrap().version.unwrap()
            }
        };
        assert_eq!(fx.read(&key).await.unwrap().version, Some(version));
        assert!(seen.insert(version), "{version:?} came twice");
    }
}

/// All items of one transaction carry the version that it returned.
pub async fn a_write_stamps_all_its_items_alike(fx: &Fixture<dyn Store>) {
    let [a, b] = ["a", "b"].map(|sort| fx.key("p", sort));
    let writes = vec![Write::put(a.clone(), Body::data("1")), Write::add(b.clone(), [("n", 1)])];
    let version = fx.settled(writes).await.unwrap();
    for item in fx.get_many(&[a, b]).await.unwrap() {
        assert_eq!(item.unwrap().version, Some(version));
    }
}

/// `unchanged` holds until the next write of the item, and only until then.
pub async fn an_item_written_since_it_was_read_is_not_unchanged(fx: &Fixture<dyn Store>) {
    let key = fx.key("p", "s");
    fx.done(Write::put(key.clone(), Body::data("1"))).await;
    let read = fx.read(&key).await.unwrap();
    fx.done(Write::put(key.clone(), read.body.clone()).when(read.unchanged())).await;
    let late = Write::put(key.clone(), Body::data("2")).when(read.unchanged());
    assert_eq!(fx.settled(vec![late]).await, Err(StoreError::Failed(vec![0])));
    assert_eq!(fx.read(&key).await.unwrap().data(), "1");
}

/// Deleted and made again is not the same item.
pub async fn an_item_made_again_has_another_version(fx: &Fixture<dyn Store>) {
    let key = fx.key("p", "s");
    let put = Write::put(key.clone(), Body::data("1"));
    let first = fx.done(put.clone()).await;
    fx.done(Write::delete(key.clone())).await;
    let second = fx.done(put).await;
    assert_ne!(first, second);
    let late = Write::delete(key.clone()).when(When::Version(first));
    assert_eq!(fx.settled(vec![late]).await, Err(StoreError::Failed(vec![0])));
}

/// `Add` makes what is absent from zeros, and leaves alone what it does not name.
pub async fn an_add_starts_from_zero_and_keeps_the_rest(fx: &Fixture<dyn Store>) {
    let key = fx.key("p", "s");
    fx.done(Write::add(key.clone(), [("a", 2), ("b", -3)])).await;
    assert_eq!(fx.read(&key).await.unwrap().body, Body::default().with("a", 2).with("b", -3));

    let body = Body::data(r#"{"kept":1.0}"#).with("a", 40).with("s", "kept").with("yes", true);
    fx.done(Write::put(key.clone(), body.clone())).await;
    fx.done(Write::add(key.clone(), [("a", 2), ("new", i64::MIN)])).await;
    assert_eq!(fx.read(&key).await.unwrap().body, body.with("a", 42).with("new", i64::MIN));
}

/// What the new body does not name is gone.
pub async fn a_put_replaces_the_whole_item(fx: &Fixture<dyn Store>) {
    let key = fx.key("p", "s");
    fx.done(Write::put(key.clone(), Body::data("1").with("a", 1).with("b", "x"))).await;
    fx.done(Write::put(key.clone(), Body::default().with("b", false))).await;
    let body = fx.read(&key).await.unwrap().body;
    assert_eq!(body, Body { fields: [("b".to_owned(), Field::Bool(false))].into(), data: None, expires: None });
}

/// Deleting is a wish for absence.
pub async fn a_delete_of_nothing_is_no_error(fx: &Fixture<dyn Store>) {
    let key = fx.key("p", "s");
    fx.done(Write::delete(key.clone())).await;
    fx.done(Write::delete(key.clone()).when(When::Absent)).await;
    assert_eq!(fx.get(key).await.unwrap(), None);
}

/// `Check` is a condition and nothing else: not even the version changes.
pub async fn a_check_changes_nothing(fx: &Fixture<dyn Store>) {
    let [checked, absent, written] = ["a", "b", "c"].map(|sort| fx.key("p", sort));
    fx.done(Write::put(checked.clone(), Body::data("1").with("n", 1))).await;
    let before = fx.read(&checked).await;
    let writes = vec![
        Write::check(checked.clone(), When::Is("n".into(), int(1))),
        Write::check(absent.clone(), When::Absent),
        Write::put(written, Body::data("1")),
    ];
    fx.settled(writes).await.unwrap();
    assert_eq!(fx.read(&checked).await, before);
    assert_eq!(fx.read(&absent).await, None);
}
