//! Backup, check and restore.
//!
//! All three go through SQLite, never through the bytes of the file: copying a database that a
//! process has open loses what that process acknowledged. A copy is made under another name,
//! synced, verified row by row, and only then gets its own name, so that a half copy never looks
//! like a whole one. A backup holds every write that was acknowledged before it began; writes go
//! on meanwhile, and are not in it.
//!
//! Restoring deletes nothing: what was at the place before is kept beside it, under a name of its
//! own, together with its log, and the next restore refuses until somebody has moved it away.

use std::path::Path;
use std::sync::Arc;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode};

use crate::file::{FileError, explain, open_copy, open_reader, sync_directory};
use crate::lock::{Lock, beside};
use crate::select::{Fault, stored};
use crate::store::SqliteStore;
use crate::sums;

/// How many pages of 8 KB are copied before others get a turn at the file.
const PAGES_PER_STEP: i32 = 128;
/// How many damaged places a report names.
const NAMED_MAX: usize = 100;

const ROWS: &str = "SELECT tbl, pk, sk, sums, version, fields, expires, data FROM items";

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Rows whose checksums were verified, expired ones included.
    pub rows: u64,
    /// How many of them are not what was written.
    pub damaged: u64,
    /// The first of those, by table and keys.
    pub names: Vec<String>,
    /// What SQLite's own check of the tree found.
    pub structure: Vec<String>,
}

impl Report {
    /// Whether nothing was found.
    pub fn is_sound(&self) -> bool {
        self.damaged == 0 && self.structure.is_empty()
    }

    fn first(&self) -> String {
        let first = self.names.first().map(|name| format!("item {name}"));
        first.or_else(|| self.structure.first().cloned()).unwrap_or_default()
    }

    fn damage(&mut self, name: String) {
        self.damaged += 1;
        if self.names.len() < NAMED_MAX {
            self.names.push(name);
        }
    }
}

impl SqliteStore {
    /// Copies the store, as it is now, into a new file, which is verified. Writes go on.
    ///
    /// # Errors
    /// `Exists` when there is something at `to`; `Damaged` when the copy does not verify; `Io` and
    /// `Sqlite` for what the system refuses.
    pub async fn backup(&self, to: &Path) -> Result<Report, FileError> {
        let (lock, to) = (Arc::clone(&self.lock), to.to_owned());
        apart(self.path(), move || copy(lock.file(), &to, &lock)).await
    }

    /// Verifies the tree and every row, while the store serves.
    ///
    /// # Errors
    /// `Io` and `Sqlite` for what the system refuses; damage is in the report.
    pub async fn check(&self) -> Result<Report, FileError> {
        let lock = Arc::clone(&self.lock);
        apart(self.path(), move || check(lock.file())).await
    }
}

/// The file while no server has it open.
#[derive(Debug)]
pub struct Offline(Lock);

impl Offline {
    /// Takes the lock of a file that exists or that is to be restored.
    ///
    /// # Errors
    /// `InUse`, `Network`, `Io`.
    pub fn lock(path: &Path) -> Result<Self, FileError> {
        Lock::take(path).map(Self)
    }

    /// As [`SqliteStore::check`].
    ///
    /// # Errors
    /// As there, and `Missing`, `Foreign`, `Newer`.
    pub fn check(&self) -> Result<Report, FileError> {
        check(self.0.file())
    }

    /// As [`SqliteStore::backup`].
    ///
    /// # Errors
    /// As there, and `Missing`, `Foreign`, `Newer`.
    pub fn backup(&self, to: &Path) -> Result<Report, FileError> {
        copy(self.0.file(), to, &self.0)
    }

    /// Verifies a backup and puts a copy of it in the file's place. With `replace`, what is there
    /// now is kept as `PATH-replaced`; without, it must not be there.
    ///
    /// # Errors
    /// `Exists` as said, also for `PATH-replaced`; `Missing`, `Foreign`, `Newer`, `Damaged` for
    /// the backup; `Io` and `Sqlite`. The file in place was not touched, or is complete.
    pub fn restore(&self, from: &Path, replace: bool) -> Result<Report, FileError> {
        let file = self.0.file();
        let aside = beside(file, "-replaced");
        if file.exists() && !replace {
            return Err(FileError::Exists { path: file.to_owned() });
        }
        if aside.exists() {
            return Err(FileError::Exists { path: aside });
        }
        let fresh = beside(file, "-restoring");
        remove_leftover(&fresh)?;
        let report = copy(from, &fresh, &self.0)?;
        // The log goes first: beside the new file it would be taken for the new file's log.
        for suffix in ["-wal", "-shm", ""] {
            move_away(&beside(file, suffix), &beside(&aside, suffix))?;
        }
        move_away(&fresh, file)?;
        sync_directory(file)?;
        Ok(report)
    }
}

/// Runs slow work where it keeps nobody waiting.
async fn apart<T, F>(path: &Path, work: F) -> Result<T, FileError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, FileError> + Send + 'static,
{
    let stopped = |error| FileError::Io { path: path.to_owned(), source: std::io::Error::other(error) };
    tokio::task::spawn_blocking(work).await.map_err(stopped)?
}

fn copy(from: &Path, to: &Path, lock: &Lock) -> Result<Report, FileError> {
    if to.exists() {
        return Err(FileError::Exists { path: to.to_owned() });
    }
    let part = beside(to, "-part");
    remove_leftover(&part)?;
    let source = open_reader(from)?;
    let mut target = open_copy(&part, lock)?;
    copy_pages(&source, &mut target).map_err(|error| explain(from, error))?;
    drop(target);
    let report = check(&part)?;
    if !report.is_sound() {
        return Err(FileError::Damaged { path: from.to_owned(), what: report.first() });
    }
    move_away(&part, to)?;
    sync_directory(to)?;
    Ok(report)
}

/// Copies all pages as they were when the copy began: a read transaction that stays open holds
/// them still, and spares the copy from beginning anew at every write.
fn copy_pages(source: &Connection, target: &mut Connection) -> rusqlite::Result<()> {
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")?;
    let backup = Backup::new(source, target)?;
    while backup.step(PAGES_PER_STEP)? != StepResult::Done {
        std::thread::yield_now();
    }
    drop(backup);
    source.execute_batch("COMMIT")?;
    // A backup is one file: without a log it can be read where nothing can be written.
    target.query_row("PRAGMA journal_mode = DELETE", (), |_| Ok(()))
}

fn check(path: &Path) -> Result<Report, FileError> {
    let sqlite = |source| explain(path, source);
    let conn = open_reader(path)?;
    let mut report = Report::default();
    check_rows(&conn, &mut report).map_err(sqlite)?;
    let mut statement = conn.prepare("PRAGMA integrity_check").map_err(sqlite)?;
    let found = statement.query_map((), |row| row.get::<_, String>(0)).map_err(sqlite)?;
    let found = found.collect::<Result<Vec<_>, _>>().map_err(sqlite)?;
    report.structure = found.into_iter().filter(|line| line != "ok").collect();
    Ok(report)
}

/// Verifies every row, in one walk through the tree. Where the tree is broken the walk ends; the
/// tree's own check says the rest.
fn check_rows(conn: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let mut statement = conn.prepare(ROWS)?;
    let mut rows = statement.query(())?;
    loop {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(()),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
                report.damage(error.to_string());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        report.rows += 1;
        match stored(row) {
            Ok((row, sums)) if sums::is_sound(&row, sums) => {}
            Ok((row, _)) => report.damage(row.place.name()),
            Err(Fault::Damaged(name)) => report.damage(name),
            Err(Fault::Sqlite(error)) => return Err(error),
        }
    }
}

fn remove_leftover(part: &Path) -> Result<(), FileError> {
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let path = beside(part, suffix);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(FileError::Io { path, source });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Renames what is there; nothing there is fine.
fn move_away(from: &Path, to: &Path) -> Result<(), FileError> {
    match std::fs::rename(from, to) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(FileError::Io { path: from.to_owned(), source })
        }
        _ => Ok(()),
    }
}
