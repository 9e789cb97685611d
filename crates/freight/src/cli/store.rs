//! `freight backup`, `restore` and `check`: tending the store's file.
//!
//! Whoever holds the lock beside the file may touch it. When no server runs that is this process;
//! when one runs it is the server, so the same thing is asked of it over HTTP, with a key that
//! holds `ops:read`. A restore has no such way: nobody can change the store under a server.

use std::path::{Path, PathBuf};

use clap::Args;
use embedded::{FileError, Offline, Report};
use reqwest::Method;
use serde_json::json;

use super::client::Client;
use super::failure::Failure;
use super::screen::{Screen, parsed};
use super::transfer;
use crate::config::Config;

/// What to copy where.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The file to make; it must not exist
    to: PathBuf,
}

/// What to put back.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// A backup
    from: PathBuf,
    /// Put it in the place of a store that exists, which is kept beside it as PATH-replaced
    #[arg(long)]
    replace: bool,
}

impl Backup {
    /// Copies the store and verifies the copy, whether a server runs or not.
    ///
    /// # Errors
    /// `Failed` when the copy cannot be made or does not verify; any [`Failure`] of the call.
    pub(super) async fn run(self, config: &Config, client: &Client, screen: Screen) -> Result<(), Failure> {
        let to = self.to.clone();
        let copied = match held(file(config)?, move |offline| offline.backup(&to)).await {
            Err(FileError::InUse { .. }) => return self.ask(client, screen).await,
            copied => copied.map_err(Failure::failed)?,
        };
        screen.item(&json!({ "file": self.to, "rows": copied.rows }).to_string())
    }

    /// The server verified the copy before it sent its first byte.
    async fn ask(&self, client: &Client, screen: Screen) -> Result<(), Failure> {
        if self.to.exists() {
            return Err(Failure::failed(FileError::Exists { path: self.to.clone() }));
        }
        transfer::save(&["api", "v1", "backup"], &[], Method::POST, Some(&self.to), client).await?;
        let bytes = std::fs::metadata(&self.to)?.len();
        screen.item(&json!({ "file": self.to, "bytes": bytes }).to_string())
    }
}

impl Restore {
    /// Verifies a backup and puts it in the store's place.
    ///
    /// # Errors
    /// `Failed` when a server runs, the backup does not verify, or something is in the way.
    pub(super) async fn run(self, config: &Config, screen: Screen) -> Result<(), Failure> {
        let from = self.from.clone();
        let restored =
            held(file(config)?, move |offline| offline.restore(&from, self.replace)).await.map_err(Failure::failed)?;
        screen.item(&json!({ "file": config.store.file(), "rows": restored.rows }).to_string())
    }
}

/// Verifies every row, whether a server runs or not.
///
/// # Errors
/// `Failed` when something is damaged; any [`Failure`] of the call.
pub(super) async fn check(config: &Config, client: &Client, screen: Screen) -> Result<(), Failure> {
    let report = match held(file(config)?, Offline::check).await {
        Err(FileError::InUse { .. }) => client.call(Method::POST, &["api", "v1", "check"], None).await?,
        report => crate::upkeep::report_json(&report.map_err(Failure::failed)?).to_string(),
    };
    screen.item(&report)?;
    match parsed(&report)?["sound"].as_bool() {
        Some(true) => Ok(()),
        _ => Err(Failure::Failed("the store is damaged: restore a backup".to_owned())),
    }
}

/// The store's file.
///
/// # Errors
/// `Usage` where the store is none.
pub(super) fn file(config: &Config) -> Result<&Path, Failure> {
    let elsewhere = "store.uri names DynamoDB, which backs up and checks its tables itself; this is for sqlite:PATH";
    config.store.file().ok_or_else(|| Failure::Usage(elsewhere.to_owned()))
}

/// Works on the file under its lock.
///
/// # Errors
/// `InUse` when a server runs; whatever the work fails with.
async fn held(
    path: &Path,
    work: impl FnOnce(&Offline) -> Result<Report, FileError> + Send + 'static,
) -> Result<Report, FileError> {
    let path = path.to_owned();
    let refused = |path: &Path, error| FileError::Io { path: path.to_owned(), source: std::io::Error::other(error) };
    let kept = path.clone();
    tokio::task::spawn_blocking(move || work(&Offline::lock(&path)?)).await.map_err(|error| refused(&kept, error))?
}
