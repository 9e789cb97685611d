//! The tests of the store on its file. `drill` is the program they start as another process.

#![expect(clippy::unwrap_used, reason = "a test ends by panicking")]

mod conformance;
mod damage;
mod deadline;
mod file;
mod golden;
mod group_commit;
mod offline;
mod sweep;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use base::clock::ManualClock;
use base::conformance::START;
use base::store::{Key, Table};
use embedded::{OpenOptions, SqliteStore};

const TABLE: Table = Table("it");

fn key(partition: &str, sort: &str) -> Key {
    Key::new(TABLE, partition, sort)
}

fn open(path: &Path) -> Arc<SqliteStore> {
    open_by(path, &ManualClock::at(START))
}

fn open_by(path: &Path, clock: &ManualClock) -> Arc<SqliteStore> {
    SqliteStore::open(OpenOptions::new(path, Arc::new(clock.clone()))).unwrap()
}

/// The example `drill`, which cargo builds with the tests.
fn drill(words: &[&str], directory: &Path) -> Command {
    let tests = std::env::current_exe().unwrap();
    let drill: PathBuf = tests.parent().unwrap().with_file_name("examples").join("drill");
    assert!(drill.exists(), "run `cargo test -p embedded`: it builds the example `drill` too");
    let mut command = Command::new(drill);
    command.arg(words[0]).arg(directory).args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}
