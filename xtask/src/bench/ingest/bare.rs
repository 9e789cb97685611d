//! The peer: `crates/embedded/examples/bare.rs`, run on the same files.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::process;

/// The bare loop and its table.
pub(in crate::bench) struct Bare {
    program: PathBuf,
    /// Where its files are.
    folder: PathBuf,
}

impl Bare {
    /// The loop, to work in `folder`.
    pub(in crate::bench) fn new(program: &Path, folder: &Path) -> Self {
        Self { program: program.to_owned(), folder: folder.to_owned() }
    }

    /// Imports a file into an empty database; returns how many seconds that took.
    ///
    /// # Errors
    /// When it fails, or there are more or fewer rows.
    pub(in crate::bench) fn import(&self, file: &Path, batch: u64, key: &str, rows: u64) -> Result<f64> {
        for end in ["", "-wal", "-shm"] {
            let file = self.folder.join(format!("bare.db{end}"));
            if file.exists() {
                std::fs::remove_file(file)?;
            }
        }
        let mut command = process::command(&self.program, "import");
        command.arg(file).arg(self.database()).arg(batch.to_string()).arg(key);
        seconds(&process::output(command)?, rows)
    }

    /// Exports what was imported last; returns how many seconds that took.
    ///
    /// # Errors
    /// When it fails, or there are more or fewer rows.
    pub(in crate::bench) fn export(&self, file: &Path, rows: u64) -> Result<f64> {
        let mut command = process::command(&self.program, "export");
        command.arg(self.database()).arg(file);
        seconds(&process::output(command)?, rows)
    }

    fn database(&self) -> PathBuf {
        self.folder.join("bare.db")
    }
}

fn seconds(said: &str, expected: u64) -> Result<f64> {
    let (rows, seconds) = said.trim().split_once(' ').with_context(|| format!("it said {said:?}"))?;
    ensure!(rows.parse::<u64>()? == expected, "{rows} rows instead of {expected}");
    Ok(seconds.parse()?)
}
