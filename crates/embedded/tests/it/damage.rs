//! A flipped bit is an error, never a wrong answer.

use std::path::Path;
use std::sync::Arc;

use base::clock::ManualClock;
use base::conformance::START;
use base::store::{Body, Bulk, Item, Query, Range, StoreError, When, Write};
use base::{Store as _, StoreExt as _};
use embedded::{OpenOptions, SqliteStore};

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

/// Everything that is read of a store with some partitions: whole ones, counts, single items.
async fn reads(store: &SqliteStore) -> Vec<Result<Vec<Item>, StoreError>> {
    let mut reads = Vec::new();
    for partition in ["p", "q0", "q1"] {
        let query = Query::new(TABLE, partition).limit(1_000);
        reads.push(store.query_all(query.clone()).await);
        reads.push(store.query_all(query.descending()).await);
        for n in (0..ROWS).step_by(17) {
            let found = store.get(key(partition, &format!("{n:04}"))).await;
            reads.push(found.map(|item| item.into_iter().collect()));
        }
    }
    reads
}

#[tokio::test]
async fn random_flips_anywhere_in_the_file_never_change_an_answer() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("freight.db");
    let store = open(&path);
    store.bulk(TABLE, rows()).await.unwrap();
    for partition in ["q0", "q1"] {
        let item = |n: usize| Bulk::Put(key(partition, &format!("{n:04}")), Body::data("y".repeat(n % 300)));
        store.bulk(TABLE, (0..ROWS).map(item).collect()).await.unwrap();
    }
    let sound = reads(&store).await;
    assert!(sound.iter().all(|read| read.as_ref().is_ok_and(|items| !items.is_empty())));
    drop(store);
    let bytes = std::fs::read(&path).unwrap();

    let (mut state, mut noticed) = (12_345_u64, 0);
    for _ in 0..200 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bit = usize::try_from(state >> 20).unwrap() % (bytes.len() * 8);
        flip(&path, &bytes, bit);
        let options = OpenOptions::new(&path, Arc::new(ManualClock::at(START)));
        let Ok(store) = SqliteStore::open(options) else { continue };
        for (read, sound) in reads(&store).await.iter().zip(&sound) {
            noticed += u32::from(read.is_err());
            assert!(read.is_err() || read == sound, "bit {bit}");
        }
    }
    assert!(noticed > 200, "{noticed} reads noticed a flip");
}
