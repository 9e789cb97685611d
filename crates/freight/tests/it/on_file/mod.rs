//! The program's own ground: a SQLite file.

use freight::config::{Config, Sources};
use freight::ground::Ground;
use tempfile::TempDir;

/// A store on a file of its own.
pub(crate) async fn ground() -> (Ground, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", directory.path().join("data/freight.db").display());
    let sources = Sources { flags: vec![("store.uri".to_owned(), store)], ..Sources::default() };
    let config = Config::load(&sources).unwrap();
    (Ground::open(&config).await.unwrap(), directory)
}
