//! Files of every layout that was ever written, kept, and read by every version since.
//!
//! `golden/v1.sqlite` was written by the first version, `v2.sqlite` when the checksums changed. When
//! the layout changes, add a file and a test; never touch the old ones.

use std::path::{Path, PathBuf};

use base::Store as _;
use base::StoreExt as _;
use base::store::{Body, Item, Query, Version, Write};
use embedded::Offline;
use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

use crate::{TABLE, key, open};

/// What the files hold.
fn items() -> Vec<Item> {
    let body = Body::data("{\"price\": 1.50, \"big\": 123456789012345678901234567890}")
        .with("count", -3)
        .with("far", i64::MIN)
        .with("state", "waiting")
        .with("open", true)
        .with("shut", false)
        .expiring("2026-12-01T00:00:00.000001Z".parse().unwrap());
    let version = |n: u128| Some(Version(Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f00 + n)));
    vec![
        Item { key: key("p", "a"), version: version(0), body },
        Item { key: key("p", "b"), version: version(1), body: Body::default() },
        Item { key: key("p", "c"), version: None, body: Body::data("").with("ünï", "\u{0}") },
    ]
}

/// A copy of the file of that name, and the directory that it lies in.
fn copy_of(name: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("freight.db");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name), &path).unwrap();
    (directory, path)
}

#[tokio::test]
async fn files_of_every_layout_are_read() {
    for name in ["v1.sqlite", "v2.sqlite"] {
        let (_directory, path) = copy_of(name);
        assert_eq!(open(&path).query_all(Query::new(TABLE, "p")).await.unwrap(), items(), "{name}");
    }
}

#[tokio::test]
async fn rows_of_an_old_layout_live_beside_new_ones() {
    let (_directory, path) = copy_of("v1.sqlite");
    let store = open(&path);
    store.write(vec![Write::put(key("p", "b"), Body::data("new"))]).await.unwrap();
    drop(store);
    let items = open(&path).query_all(Query::new(TABLE, "p")).await.unwrap();
    assert_eq!(items.iter().map(Item::data).collect::<Vec<_>>()[1..], ["new", ""]);
    assert!(Offline::lock(&path).unwrap().check().unwrap().is_sound());
    let layout: i32 = Connection::open(&path).unwrap().query_row("PRAGMA user_version", (), |row| row.get(0)).unwrap();
    assert_eq!(layout, 2, "an older program must not take the new row for a damaged one");
}
