//! A flipped bit is an error, never a wrong answer.

use std::path::Path;

use base::conformance::START;
use base::store::{Body, Bulk, Item, Query, Range, StoreError, When, Write};
use base::{Store as _, StoreExt as _};
use embedded::SqliteStore;

use crate::{TABLE, key, open};

const ROWS: usize = 120;

fn rows() -> Vec<Bulk> {
    let body = |n: usize| {
        let body = Body::data(format!("{{\"n\":{n},\"text\":\"{}\"}}", "x".repeat(n * 7 % 400)));
        let body = body.with("count", n as i64).with("state", "waiting").with("done", n.is_multiple_of(2));
        if n.is_multiple_of(5) { body.expiring(START + std::time::Duration::from_secs(86_400)) } else { body }
    };
    (0..ROWS).map(|n| Bulk::Put(key("p", &format!("{n:04}")), body(n))).collect()
}

fn flip(path: &Path, sound: &[u8], bit: usize) {
    let mut bytes = sound.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    std::fs::write(path, bytes).unwrap();
}

/// The bits of what is stored of one row, found by its data.
fn bits_of_row(bytes: &[u8], n: usize) -> std::ops::Range<usize> {
    let text = format!("{{\"n\":{n},");
    let at = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    // Before the data: header, table, keys, version and fields; behind it the sums.
    (at - 60) * 8..(at + text.len() + n * 7 % 400 + 14) * 8
}

async fn everything(store: &SqliteStore) -> Result<Vec<Item>, StoreError> {
    store.query_all(Query::new(TABLE, "p").limit(1_000)).await
}

#[tokio::test]
async fn every_flipped_bit_of_a_row_is_damage_to_every_kind_of_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("freight.db");
    let store = open(&path);
    store.bulk(TABLE, rows()).await.unwrap();
    let sound = everything(&store).await.unwrap();
    drop(store);
    let bytes = std::fs::read(&path).unwrap();

    let target = key("p", "0041");
    let mut noticed = 0;
    for bit in bits_of_row(&bytes, 41).step_by(7) {
        flip(&path, &bytes, bit);
        let store = open(&path);
        let one = store.get(target.clone()).await;
        match one {
            Err(_) => noticed += 1,
            Ok(item) => assert!(item.as_ref() == Some(&sound[41]), "bit {bit}: {item:?}"),
        }
        if let Ok(all) = everything(&store).await {
            assert!(all == sound, "bit {bit}");
        }
        if let Ok(count) = store.count(TABLE, "p", Range::All).await {
            assert_eq!(count, ROWS as u64, "bit {bit}");
        }
        let taken = store.write(vec![Write::put(target.clone(), Body::default()).when(When::Absent)]).await;
        assert!(taken.is_err(), "bit {bit}: a damaged row is not an absent one");
    }
    assert!(noticed > 100, "{noticed} flips hit the row");
}
