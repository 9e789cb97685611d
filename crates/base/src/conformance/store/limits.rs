//! Limits: what is just allowed is stored and read back, one more is refused by name.

use crate::Store;
use crate::conformance::Fixture;
use crate::conformance::store::{OTHER, TABLE};
use crate::store::{
    ADDED_MAX, Body, Bulk, GET_MANY_MAX, ITEM_BYTES_MAX, Key, PAGE_MAX, PARTITION_BYTES_MAX, SORT_BYTES_MAX,
    StoreError, WRITE_BYTES_MAX, WRITES_MAX, When, Write, item_bytes,
};

/// Asserts that a call was refused for this, and for nothing else.
fn refused<T>(answer: Result<T, StoreError>, what: &'static str, limit: usize, actual: usize) {
    assert_eq!(answer.err(), Some(StoreError::TooLarge { what, limit, actual }));
}

/// A key of exactly so many bytes, of two-byte characters as far as possible.
fn sized(fx: &Fixture<dyn Store>, partition: usize, sort: usize) -> Key {
    let pad = |text: &str, bytes: usize| {
        let left = bytes - text.len();
        format!("{text}{}{}", "\u{e9}".repeat(left / 2), "x".repeat(left % 2))
    };
    Key::new(TABLE, pad(fx.name(), partition), pad("", sort))
}

/// An item of exactly so many bytes, counted by [`item_bytes`].
fn filled(key: &Key, bytes: usize) -> Body {
    let body = Body::data("").with("n", 1);
    let left = bytes - item_bytes(key, &body);
    Body { data: Some(format!("\"{}\"", "x".repeat(left - 2))), ..body }
}

/// Partition keys of 1 to 2,048 bytes and sort keys of 1 to 1,024.
pub async fn key_limits_hold_at_minus_one_zero_plus_one(fx: &Fixture<dyn Store>) {
    for (partition, sort) in
        [(PARTITION_BYTES_MAX - 1, 1), (PARTITION_BYTES_MAX, SORT_BYTES_MAX - 1), (40, SORT_BYTES_MAX)]
    {
        let key = sized(fx, partition, sort);
        fx.done(Write::put(key.clone(), Body::data("1"))).await;
        assert_eq!(fx.read(&key).await.unwrap().key, key);
        fx.bulk(TABLE, vec![Bulk::Delete(key.clone())]).await.unwrap();
        assert_eq!(fx.read(&key).await, None);
    }
    let over = [
        (sized(fx, PARTITION_BYTES_MAX + 1, 1), "partition key bytes", PARTITION_BYTES_MAX, PARTITION_BYTES_MAX + 1),
        (sized(fx, 40, SORT_BYTES_MAX + 1), "sort key bytes", SORT_BYTES_MAX, SORT_BYTES_MAX + 1),
        (Key::new(TABLE, "", "s"), "partition key bytes", PARTITION_BYTES_MAX, 0),
        (Key::new(TABLE, fx.name(), ""), "sort key bytes", SORT_BYTES_MAX, 0),
    ];
    for (key, what, limit, actual) in over {
        refused(fx.write(vec![Write::put(key.clone(), Body::default())]).await, what, limit, actual);
        refused(fx.write(vec![Write::check(key.clone(), When::Absent)]).await, what, limit, actual);
        refused(fx.bulk(TABLE, vec![Bulk::Put(key, Body::default())]).await, what, limit, actual);
    }
}

/// Items of up to 400 KB, keys and field names included.
pub async fn item_limits_hold_at_minus_one_zero_plus_one(fx: &Fixture<dyn Store>) {
    for (sort, bytes) in [("under", ITEM_BYTES_MAX - 1), ("at", ITEM_BYTES_MAX)] {
        let key = fx.key("p", sort);
        let body = filled(&key, bytes);
        assert_eq!(item_bytes(&key, &body), bytes);
        fx.done(Write::put(key.clone(), body.clone())).await;
        assert_eq!(fx.read(&key).await.unwrap().body, body);
        fx.bulk(TABLE, vec![Bulk::Put(key.clone(), body.clone())]).await.unwrap();
        assert_eq!(fx.read(&key).await.unwrap().body, body);
    }
    let key = fx.key("p", "over");
    let body = filled(&key, ITEM_BYTES_MAX + 1);
    let put = Write::put(key.clone(), body.clone());
    refused(fx.write(vec![put]).await, "item bytes", ITEM_BYTES_MAX, ITEM_BYTES_MAX + 1);
    refused(fx.bulk(TABLE, vec![Bulk::Put(key, body)]).await, "item bytes", ITEM_BYTES_MAX, ITEM_BYTES_MAX + 1);
}

/// Additions to up to 32 fields, however often each is named.
pub async fn addition_limits_hold_at_minus_one_zero_plus_one(fx: &Fixture<dyn Store>) {
    let (key, names) = (fx.key("p", "sums"), (0..=ADDED_MAX).map(|n| format!("n{n}")).collect::<Vec<_>>());
    let adds = |count: usize| Write::add(key.clone(), names[..count].iter().map(|name| (name.as_str(), 1)));
    for count in [ADDED_MAX - 1, ADDED_MAX] {
        fx.done(adds(count)).await;
    }
    fx.done(Write::add(key.clone(), [names[0].as_str(); ADDED_MAX + 1].map(|name| (name, 1)))).await;
    let stored = fx.read(&key).await.unwrap();
    let sums = [0, 1, ADDED_MAX - 1].map(|n| stored.int(&names[n]));
    assert_eq!(sums, [ADDED_MAX + 3, 2, 1].map(|n| i64::try_from(n).unwrap()));
    refused(fx.write(vec![adds(ADDED_MAX + 1)]).await, "fields of an addition", ADDED_MAX, ADDED_MAX + 1);
}

/// Transactions of 1 to 100 writes and up to 4 MB.
pub async fn transaction_limits_hold_at_minus_one_zero_plus_one(fx: &Fixture<dyn Store>) {
    let some = |partition: &str, count: usize| -> Vec<Write> {
        (0..count).map(|n| Write::add(fx.key(partition, &n.to_string()), [("n", 1)])).collect()
    };
    for (partition, count) in [("one", 1), ("under", WRITES_MAX - 1), ("at", WRITES_MAX)] {
        fx.settled(some(partition, count)).await.unwrap();
        assert_eq!(fx.items(partition).await.len(), count);
    }
    refused(fx.write(some("over", WRITES_MAX + 1)).await, "writes", WRITES_MAX, WRITES_MAX + 1);
    refused(fx.write(vec![]).await, "writes", WRITES_MAX, 0);

    let puts = |partition: &str, total: usize| -> Vec<Write> {
        let keys: Vec<Key> = (0..16).map(|n| fx.key(partition, &format!("{n:02}"))).collect();
        let share = total / keys.len();
        let rest = total - share * (keys.len() - 1);
        let size = |n| if n == 0 { rest } else { share };
        keys.into_iter().enumerate().map(|(n, key)| Write::put(key.clone(), filled(&key, size(n)))).collect()
    };
    for (partition, total) in [("small", WRITE_BYTES_MAX - 1), ("full", WRITE_BYTES_MAX)] {
        fx.settled(puts(partition, total)).await.unwrap();
        let stored: usize = fx.items(partition).await.iter().map(|item| item_bytes(&item.key, &item.body)).sum();
        assert_eq!(stored, total);
    }
    let over = fx.write(puts("large", WRITE_BYTES_MAX + 1)).await;
    refused(over, "transaction bytes", WRITE_BYTES_MAX, WRITE_BYTES_MAX + 1);
}

/// Pages of 1 to 1,000 items, and up to 100 keys at a time.
pub async fn read_limits_hold_at_minus_one_zero_plus_one(fx: &Fixture<dyn Store>) {
    let puts = (0..=PAGE_MAX).map(|n| Bulk::Put(fx.key("p", &format!("{n:04}")), Body::default())).collect();
    fx.bulk(TABLE, puts).await.unwrap();
    for limit in [1, PAGE_MAX - 1, PAGE_MAX] {
        let slice = fx.query(fx.all_of("p").limit(limit)).await.unwrap();
        assert_eq!(slice.items.len(), limit);
        assert_eq!(slice.next, slice.items.last().map(|item| item.key.sort.clone()));
    }
    for limit in [0, PAGE_MAX + 1] {
        refused(fx.query(fx.all_of("p").limit(limit)).await, "page limit", PAGE_MAX, limit);
    }
    let keys: Vec<Key> = (0..=GET_MANY_MAX).map(|n| fx.key("p", &format!("{n:04}"))).collect();
    for count in [GET_MANY_MAX - 1, GET_MANY_MAX] {
        let items = fx.get_many(&keys[..count]).await.unwrap();
        assert_eq!(items.iter().flatten().count(), count);
    }
    refused(fx.get_many(&keys).await, "keys", GET_MANY_MAX, GET_MANY_MAX + 1);
}

/// Two writes of one key in one call have no order, so there are none.
pub async fn a_write_names_each_key_once(fx: &Fixture<dyn Store>) {
    let key = fx.key("p", "s");
    let twice = vec![Write::add(key.clone(), [("n", 1)]), Write::check(key.clone(), When::Absent)];
    refused(fx.write(twice).await, "writes of one key", 1, 2);
    let twice = vec![Bulk::Put(key.clone(), Body::default()), Bulk::Delete(key.clone())];
    refused(fx.bulk(TABLE, twice).await, "writes of one key", 1, 2);
    let elsewhere = Key { table: OTHER, ..key.clone() };
    fx.settled(vec![Write::add(key, [("n", 1)]), Write::add(elsewhere, [("n", 1)])]).await.unwrap();
}

/// A call over a limit leaves no trace of the part that was within it.
pub async fn nothing_over_a_limit_is_applied(fx: &Fixture<dyn Store>) {
    let mut writes: Vec<Write> =
        (0..WRITES_MAX).map(|n| Write::put(fx.key("p", &n.to_string()), Body::default())).collect();
    writes.push(Write::put(fx.key("p", "one more"), Body::default()));
    fx.write(writes).await.unwrap_err();
    let large = fx.key("p", "large");
    let body = filled(&large, ITEM_BYTES_MAX + 1);
    let puts = vec![Bulk::Put(fx.key("p", "small"), Body::default()), Bulk::Put(large, body)];
    fx.bulk(TABLE, puts).await.unwrap_err();
    assert_eq!(fx.items("p").await, []);
}
