//! Opening the file: whose it is, how old, and with which guarantees.
//!
//! A file is ours when its header says so (`application_id`), and readable when its layout
//! (`user_version`) is not newer than this program. Everything else is refused with a sentence
//! before a byte of it is changed: writing into a stranger's file, or an older program into a
//! newer file, cannot be undone.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::lock::Lock;

/// "FRGT", in the header of every file of ours.
const APPLICATION: i32 = 0x4652_4754;
/// The layout that we write. Layout 1 had other checksums in its rows, and is read as well.
const LAYOUT: i32 = 2;
/// SQLite before this has a race that can corrupt the log when it begins anew.
const SQLITE_LEAST: i32 = 3_051_003;
/// How long a connection waits for another one's lock: a checkpoint waits for readers.
const BUSY: Duration = Duration::from_secs(6);

const CREATE: &str = "BEGIN IMMEDIATE;
CREATE TABLE items (
    tbl TEXT NOT NULL,
    pk TEXT NOT NULL,
    sk TEXT NOT NULL,
    sums BLOB NOT NULL,
    version BLOB,
    fields BLOB NOT NULL,
    expires INTEGER,
    data TEXT,
    PRIMARY KEY (tbl, pk, sk)
) STRICT, WITHOUT ROWID;
CREATE INDEX items_by_expiry ON items (expires) WHERE expires IS NOT NULL;";

/// Why a file could not be opened, checked, saved or restored. Each reads as a sentence.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Another process has it open.
    #[error("{} is in use by {}: stop it first, or do this through its API", path.display(), holder(*pid))]
    InUse {
        /// The file.
        path: PathBuf,
        /// Who has it, if that could be read.
        pid: Option<u32>,
    },
    /// It lies where neither locks nor fsync can be relied on.
    #[error("{} is on a network file system ({kind}), where a power cut could lose data: use a local disk", path.display())]
    Network {
        /// The file.
        path: PathBuf,
        /// Which.
        kind: &'static str,
    },
    /// The SQLite in this program is too old.
    #[error("this program was built with SQLite {0}, which has a known corruption bug: 3.51.3 or newer is needed")]
    OldLibrary(String),
    /// It was written by a newer Freight.
    #[error("{} has layout {found} and this program knows up to {LAYOUT}: use the newer Freight that wrote it", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: i32,
    },
    /// It is not ours.
    #[error("{} is not a Freight database, and is left as it is", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It is not there.
    #[error("{} does not exist", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Something is there that is not overwritten.
    #[error("{} exists already: move it away first", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// It holds damaged rows or a damaged tree.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first thing found.
        what: String,
    },
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("{}: {source}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// How durable a commit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Fsynced before it returns.
    #[default]
    Full,
    /// Fsynced some time later: a power cut loses what was acknowledged. The saboteur.
    #[cfg(feature = "sabotage")]
    Normal,
}

/// Refuses a SQLite that cannot be trusted.
pub(crate) fn check_library() -> Result<(), FileError> {
    if rusqlite::version_number() < SQLITE_LEAST {
        return Err(FileError::OldLibrary(rusqlite::version().to_owned()));
    }
    Ok(())
}

/// The connection that writes; makes the file if there is none.
pub(crate) fn open_writer(lock: &Lock, durability: Durability) -> Result<Connection, FileError> {
    let path = lock.file();
    let sqlite = |source| explain(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let conn = connect(path, flags, &format!("?modeof={}", escaped(&lock.path())))?;
    let io = |source| FileError::Io { path: path.to_owned(), source };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(io)?;
    let is_new = identify(&conn, path)? == Identity::Blank;
    if is_new {
        // Settled with the first page that is written. Why 8 KB: docs/decisions/0010.
        conn.execute_batch("PRAGMA page_size = 8192;").map_err(sqlite)?;
    }
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0)).map_err(sqlite)?;
    if mode != "wal" {
        return Err(FileError::Io { path: path.to_owned(), source: std::io::Error::other("no write-ahead log here") });
    }
    let synchronous = match durability {
        Durability::Full => "FULL",
        #[cfg(feature = "sabotage")]
        Durability::Normal => "NORMAL",
    };
    conn.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous}; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
         PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 134217728;
         PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY;"
    ))
    .map_err(sqlite)?;
    if is_new {
        let create = format!("{CREATE} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {LAYOUT}; COMMIT;");
        conn.execute_batch(&create).map_err(sqlite)?;
        sync_directory(path)?;
    } else if layout(&conn, path)? < LAYOUT {
        // From here on an older program would take our rows for damaged ones. A file that is of our
        // layout is opened without a write: the disk may be full.
        conn.pragma_update(None, "user_version", LAYOUT).map_err(sqlite)?;
    }
    Ok(conn)
}

/// A connection that cannot write.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, FileError> {
    let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, "")?;
    match identify(&conn, path)? {
        Identity::Ours => Ok(conn),
        Identity::Blank => Err(FileError::Foreign { path: path.to_owned() }),
    }
}

/// A new file to copy a database into, with the permissions of the lock file.
pub(crate) fn open_copy(path: &Path, lock: &Lock) -> Result<Connection, FileError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    connect(path, flags, &format!("?modeof={}", escaped(&lock.path())))
}

fn connect(path: &Path, flags: OpenFlags, query: &str) -> Result<Connection, FileError> {
    if !flags.contains(OpenFlags::SQLITE_OPEN_CREATE) && !path.exists() {
        return Err(FileError::Missing { path: path.to_owned() });
    }
    let sqlite = |source| explain(path, source);
    let flags = flags | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(format!("file:{}{query}", escaped(path)), flags).map_err(sqlite)?;
    conn.busy_timeout(BUSY).map_err(sqlite)?;
    conn.set_prepared_statement_cache_capacity(32);
    // A reader's cache is dropped at each commit, and behind it is the system's: 2 MB are enough.
    conn.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA cache_size = -2048;")
        .map_err(sqlite)?;
    Ok(conn)
}

#[derive(PartialEq, Eq)]
enum Identity {
    /// Nothing was ever written to it.
    Blank,
    /// Ours, and not newer than we are.
    Ours,
}

fn identify(conn: &Connection, path: &Path) -> Result<Identity, FileError> {
    let number = |sql| conn.query_row(sql, (), |row| row.get::<_, i32>(0)).map_err(|source| explain(path, source));
    let application = number("PRAGMA application_id")?;
    let layout = layout(conn, path)?;
    if application == 0 && layout == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0 {
        return Ok(Identity::Blank);
    }
    if application != APPLICATION || layout < 1 {
        return Err(FileError::Foreign { path: path.to_owned() });
    }
    if layout > LAYOUT {
        return Err(FileError::Newer { path: path.to_owned(), found: layout });
    }
    Ok(Identity::Ours)
}

fn layout(conn: &Connection, path: &Path) -> Result<i32, FileError> {
    conn.query_row("PRAGMA user_version", (), |row| row.get(0)).map_err(|source| explain(path, source))
}

/// What SQLite says about a file, as a sentence about the file.
pub(crate) fn explain(path: &Path, source: rusqlite::Error) -> FileError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => FileError::Foreign { path },
        Some(ErrorCode::DatabaseCorrupt) => FileError::Damaged { path, what: source.to_string() },
        _ => FileError::Sqlite { path, source },
    }
}

/// Makes the names in a file's directory durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), FileError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let sync = || std::fs::File::open(directory)?.sync_all();
    sync().map_err(|source| FileError::Io { path: directory.to_owned(), source })
}

/// A path inside an SQLite URI.
fn escaped(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let escape = |byte: &u8| {
        if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") }
    };
    path.as_os_str().as_bytes().iter().map(escape).collect()
}
