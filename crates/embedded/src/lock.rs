//! One process, one file.
//!
//! The store counts on being alone: one writer, one clock for leases, one cache. So whoever opens
//! the file first takes an exclusive lock on a file beside it, `PATH-lock`, and writes its process
//! id inside for the next one to name. The kernel drops the lock with the process, however that
//! ends; the file stays, since removing it would let two processes lock two different files.
//!
//! The lock is not on the database itself: closing any descriptor of that drops SQLite's own
//! locks. No code of this crate opens the database, its `-wal` or its `-shm` but SQLite.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::file::FileError;

/// The right to open a file, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: PathBuf,
    lock: File,
}

impl Lock {
    /// Takes the lock beside `file`.
    ///
    /// # Errors
    /// `InUse` when another process has it, `Network` where locks and fsync cannot be relied on,
    /// `Io` when the lock file cannot be made.
    pub(crate) fn take(file: &Path) -> Result<Self, FileError> {
        let path = beside(file, "-lock");
        let io = |source| FileError::Io { path: path.clone(), source };
        let mut options = File::options();
        let mut lock =
            options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(io)?;
        refuse_network(file, &path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                lock.read_to_string(&mut pid).map_err(io)?;
                return Err(FileError::InUse { path: file.to_owned(), pid: pid.trim().parse().ok() });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let stamp = |lock: &mut File| {
            lock.set_len(0)?;
            lock.rewind()?;
            writeln!(lock, "{}", std::process::id())
        };
        stamp(&mut lock).map_err(io)?;
        Ok(Self { file: file.to_owned(), lock })
    }

    /// The file that may be opened.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The lock file: its permissions are those that a new database file gets.
    pub(crate) fn path(&self) -> PathBuf {
        beside(&self.file, "-lock")
    }
}

/// A child that is just being started has a copy of the descriptor until it becomes another
/// program, so closing ours would not be enough.
impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "the lock ends only with the process");
        }
    }
}

/// `path` with something behind its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(target_os = "linux")]
fn refuse_network(file: &Path, lock: &Path) -> Result<(), FileError> {
    let stat =
        rustix::fs::statfs(lock).map_err(|error| FileError::Io { path: lock.to_owned(), source: error.into() })?;
    // The width and sign of the field differ between machines; the numbers are of 32 bits.
    match network_name(stat.f_type as u32) {
        Some(kind) => Err(FileError::Network { path: file.to_owned(), kind }),
        None => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
fn refuse_network(_file: &Path, _lock: &Path) -> Result<(), FileError> {
    Ok(())
}

/// Which network file system has this number, from the `statfs(2)` manual page.
#[cfg(target_os = "linux")]
fn network_name(number: u32) -> Option<&'static str> {
    match number {
        0x6969 => Some("NFS"),
        0x517B | 0xFF53_4D42 | 0xFE53_4D42 => Some("SMB"),
        0x5346_414F | 0x6B41_4653 => Some("AFS"),
        0x7375_7245 => Some("Coda"),
        0x564C => Some("NCP"),
        0x0102_1997 => Some("9P"),
        0x00C3_6400 => Some("Ceph"),
        0x0BD0_0BD0 => Some("Lustre"),
        _ => None,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::network_name;

    #[test]
    fn network_file_systems_are_known_by_their_numbers() {
        assert_eq!(network_name(0x6969), Some("NFS"));
        assert_eq!(network_name(0xFF53_4D42), Some("SMB"));
        assert_eq!(network_name(0xEF53), None, "ext4 is local");
        assert_eq!(network_name(0x0102_1994), None, "tmpfs is local");
    }
}
