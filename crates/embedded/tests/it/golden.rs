//! Files of every layout that was ever written, kept, and read by every version since.
//!
//! `golden/v1.sqlite` was written by the first version. When the layout changes, add a file and a
//! test; never touch the old ones.

use std::path::Path;

use base::StoreExt as _;
use base::store::{Body, Item, Query, Version};
use uuid::Uuid;

use crate::{TABLE, key, open};

/// What the file of layout 1 holds.
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

#[tokio::test]
async fn a_file_of_layout_1_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("freight.db");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1.sqlite"), &path).unwrap();
    let store = open(&path);
    assert_eq!(store.query_all(Query::new(TABLE, "p")).await.unwrap(), items());
}
