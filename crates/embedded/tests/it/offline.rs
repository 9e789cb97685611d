//! Backup, check and restore.

use std::sync::Arc;

use base::store::{Body, Write};
use base::{Store as _, StoreExt as _};
use embedded::{FileError, Offline, Report};

use crate::{key, open};

#[tokio::test]
async fn a_backup_under_load_holds_every_write_acknowledged_before_it_and_restores() {
    let directory = tempfile::tempdir().unwrap();
    let [path, saved, other] = ["freight.db", "saved.db", "other.db"].map(|name| directory.path().join(name));
    let store = open(&path);
    for n in 0..200 {
        store.write(vec![Write::put(key("before", &n.to_string()), Body::data("1"))]).await.unwrap();
    }
    let load = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for n in 0_u32.. {
                store.write(vec![Write::put(key("during", &n.to_string()), Body::data("2"))]).await.unwrap();
            }
        }
    });
    let report = store.backup(&saved).await.unwrap();
    load.abort();
    assert!(report.is_sound() && report.rows >= 200, "{report:?}");
    assert!(matches!(store.backup(&saved).await, Err(FileError::Exists { .. })));

    let restored = Offline::lock(&other).unwrap().restore(&saved, false).unwrap();
    assert_eq!(restored, report);
    assert_eq!(open(&other).count(crate::TABLE, "before", base::store::Range::All).await.unwrap(), 200);
}

#[tokio::test]
async fn a_restore_overwrites_only_when_told_and_keeps_what_was_there() {
    let directory = tempfile::tempdir().unwrap();
    let [path, saved] = ["freight.db", "saved.db"].map(|name| directory.path().join(name));
    let store = open(&path);
    store.write(vec![Write::put(key("p", "a"), Body::data("1"))]).await.unwrap();
    store.backup(&saved).await.unwrap();
    store.write(vec![Write::put(key("p", "b"), Body::data("2"))]).await.unwrap();
    assert!(matches!(Offline::lock(&path), Err(FileError::InUse { .. })));
    drop(store);

    let offline = Offline::lock(&path).unwrap();
    assert!(matches!(offline.restore(&saved, false), Err(FileError::Exists { .. })));
    offline.restore(&saved, true).unwrap();
    assert!(matches!(offline.restore(&saved, true), Err(FileError::Exists { .. })));
    drop(offline);
    let [restored, replaced] = [path.clone(), directory.path().join("freight.db-replaced")];
    assert!(open(&restored).get(key("p", "b")).await.unwrap().is_none());
    assert!(open(&replaced).get(key("p", "b")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_check_counts_rows_and_names_the_damaged_one() {
    let directory = tempfile::tempdir().unwrap();
    let [path, saved] = ["freight.db", "saved.db"].map(|name| directory.path().join(name));
    let store = open(&path);
    let writes = ["a", "b", "c"].map(|sort| Write::put(key("p", sort), Body::data(format!("\"{sort} was here\""))));
    store.write(writes.to_vec()).await.unwrap();
    assert_eq!(store.check().await.unwrap(), Report { rows: 3, ..Report::default() });
    drop(store);

    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(10).position(|window| window == b"b was here").unwrap();
    bytes[at] ^= 0x20;
    std::fs::write(&path, bytes).unwrap();
    let offline = Offline::lock(&path).unwrap();
    let report = offline.check().unwrap();
    assert_eq!((report.rows, report.damaged, report.names.as_slice()), (3, 1, &["it \"p\" \"b\"".to_owned()][..]));
    assert!(matches!(offline.backup(&saved), Err(FileError::Damaged { .. })));
    assert!(!saved.exists());
}
