//! Whose the file is, how old, and that a killed process loses nothing that it acknowledged.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base::clock::ManualClock;
use base::conformance::START;
use base::store::{Body, Key, StoreError, Table, When, Write};
use base::{Store as _, StoreExt as _};
use embedded::{FileError, OpenOptions, SqliteStore};
use rusqlite::Connection;

use crate::{drill, key, open};

fn refusal(path: &Path) -> FileError {
    let clock = std::sync::Arc::new(ManualClock::at(START));
    SqliteStore::open(OpenOptions::new(path, clock)).map(|_| "opened").unwrap_err()
}

#[tokio::test]
async fn a_second_process_is_refused_by_name_and_a_kill_loses_nothing_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("freight.db");
    let mut child = drill(&["hold"], directory.path()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");

    let refused = refusal(&path);
    assert!(matches!(refused, FileError::InUse { pid: Some(pid), .. } if pid == child.id()), "{refused}");
    assert!(refused.to_string().contains(&format!("in use by process {}", child.id())), "{refused}");

    child.kill().unwrap();
    child.wait().unwrap();
    let found =
        open(&path).get(Key::new(Table("drill"), base::key!["drill", "total"], base::key!["total"])).await.unwrap();
    assert_eq!(found.unwrap().data(), "\"kept\"");
}

#[test]
fn the_same_process_is_refused_too_until_it_has_closed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("freight.db");
    let store = open(&path);
    assert!(matches!(refusal(&path), FileError::InUse { .. }));
    drop(store);
    drop(open(&path));
}

#[test]
fn a_closed_store_is_one_file_and_only_its_owner_may_read_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a file?#%.db");
    let store = open(&path);
    for suffix in ["", "-wal", "-shm", "-lock"] {
        let mode = std::fs::metadata(embedded_name(&path, suffix)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{suffix}");
    }
    drop(store);
    assert!(!embedded_name(&path, "-wal").exists());
}

fn embedded_name(path: &Path, suffix: &str) -> std::path::PathBuf {
    path.with_file_name(format!("{}{suffix}", path.file_name().unwrap().to_str().unwrap()))
}

#[test]
fn a_newer_file_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("freight.db");
    drop(open(&path));
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 3").unwrap();
    let before = std::fs::read(&path).unwrap();
    let refused = refusal(&path);
    assert!(matches!(refused, FileError::Newer { found: 3, .. }), "{refused}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_foreign_file_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("theirs.db");
    Connection::open(&database)
        .unwrap()
        .execute_batch("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)")
        .unwrap();
    let text = directory.path().join("letter.txt");
    std::fs::write(&text, "Dear reader, this is no database. ".repeat(100)).unwrap();
    for path in [database, text] {
        let before = std::fs::read(&path).unwrap();
        let refused = refusal(&path);
        assert!(matches!(refused, FileError::Foreign { .. }), "{refused}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}

#[tokio::test]
async fn absent_keys_of_one_gap_are_told_from_the_rows_around_them() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("freight.db"));
    let put = |sort: &str| Write::put(key("p", sort), Body::data(sort)).when(When::Absent);
    store.write(["c", "f", "h"].map(put).to_vec()).await.unwrap();
    // In every order: what was learnt of a gap must not reach over the row that ends it.
    let asked = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    for keys in [asked.to_vec(), asked.iter().rev().copied().collect(), [&asked[5..], &asked[..5]].concat()] {
        let found = store.get_many(&keys.iter().map(|sort| key("p", sort)).collect::<Vec<_>>()).await.unwrap();
        let there: Vec<bool> = found.iter().map(Option::is_some).collect();
        assert_eq!(there, keys.iter().map(|sort| matches!(*sort, "c" | "f" | "h")).collect::<Vec<_>>(), "{keys:?}");
    }
    let refused = store.write(["j", "h", "d", "c", "a"].map(put).to_vec()).await;
    assert_eq!(refused, Err(StoreError::Failed(vec![1, 3])));
    store.write(["j", "d", "a"].map(put).to_vec()).await.unwrap();
}
