//! A running Freight: the release build, on an empty store in a directory of its own.
//!
//! It listens where the kernel finds room, so that several can run at once, and is killed when it
//! is dropped. A first start with `--sandbox` writes its address and its admin key to
//! `freight.env`; nothing else in this crate knows a key.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::process;

const START_MAX: Duration = Duration::from_secs(60);

/// A server and the directory that dies with it.
pub(crate) struct Server {
    child: Child,
    program: PathBuf,
    environment: Vec<(String, String)>,
    directory: TempDir,
    /// Where it listens.
    pub(crate) url: String,
    /// A key that may do everything.
    pub(crate) api_key: String,
}

impl Server {
    /// Starts `program serve --sandbox` with more environment, and waits until it is ready.
    ///
    /// # Errors
    /// When it ends, or is not ready within a minute; the error holds what it said.
    pub(crate) fn start(program: &Path, environment: &[(&str, &str)]) -> Result<Self> {
        Self::start_in(tempfile::tempdir().context("no temporary directory")?, program, environment)
    }

    /// As [`start`](Self::start), in a directory that somebody has prepared.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub(crate) fn start_in(directory: TempDir, program: &Path, environment: &[(&str, &str)]) -> Result<Self> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment: Vec<(String, String)> = environment.iter().map(owned).collect();
        let (child, (url, api_key)) = spawn(program, directory.path(), "127.0.0.1:0", &environment)?;
        Ok(Self { child, program: program.to_owned(), environment, directory, url, api_key })
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as it stands, without a word.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again on the same store, at the same address, once it was killed.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub(crate) fn restart(&mut self) -> Result<()> {
        let listen = self.url.trim_start_matches("http://");
        (self.child, _) = spawn(&self.program, self.directory.path(), listen, &self.environment)?;
        Ok(())
    }
}

/// Starts a server in `directory`; returns it with its address and key when it is ready.
fn spawn(
    program: &Path,
    directory: &Path,
    listen: &str,
    environment: &[(String, String)],
) -> Result<(Child, (String, String))> {
    let mut command = process::command(program, "serve --sandbox");
    command
        .current_dir(directory)
        .env("FREIGHT_SERVER_LISTEN", listen)
        .env("FREIGHT_SANDBOX_LISTEN", "127.0.0.1:0")
        .env("FREIGHT_LOG_FILTER", "warn")
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
    let (lines, said) = mpsc::channel();
    process::follow(child.stdout.take(), lines.clone());
    process::follow(child.stderr.take(), lines);
    match ready(&said, &directory.join("freight.env")) {
        Ok(started) => Ok((child, started)),
        Err(error) => {
            child.kill()?;
            child.wait()?;
            Err(error)
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("the server could not be ended: {error}");
        }
    }
}

/// The release build of the program.
///
/// # Errors
/// When it cannot be built.
pub(crate) fn release() -> Result<PathBuf> {
    process::run(process::cargo("build --release --locked --quiet --bin freight"))?;
    Ok(process::root().join("target/release/freight"))
}

/// Reads until the server says that it listens, then takes its address and key from the file
/// that it wrote before.
fn ready(said: &mpsc::Receiver<String>, env_file: &Path) -> Result<(String, String)> {
    process::await_line(said, "listening", START_MAX)?;
    let text = fs::read_to_string(env_file).context("it listens, but wrote no freight.env")?;
    credentials(&text)
}

/// `NAME=value` lines, as a shell reads them.
fn credentials(env_file: &str) -> Result<(String, String)> {
    let lines = env_file.lines().map(|line| line.strip_prefix("export ").unwrap_or(line));
    let values: HashMap<&str, &str> = lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name, value.trim_matches(['"', '\''])))
        .collect();
    let value = |name: &str| {
        values.get(name).map(|value| (*value).to_owned()).with_context(|| format!("freight.env has no {name}"))
    };
    Ok((value("FREIGHT_URL")?, value("FREIGHT_API_KEY")?))
}

#[cfg(test)]
mod tests {
    use super::credentials;

    #[test]
    fn credentials_are_read_as_a_shell_reads_them() {
        let text = "# first start\nexport FREIGHT_URL=http://127.0.0.1:1\nFREIGHT_API_KEY='k=1'\n";
        let (url, api_key) = credentials(text).unwrap();
        assert_eq!((url.as_str(), api_key.as_str()), ("http://127.0.0.1:1", "k=1"));
        assert!(credentials("FREIGHT_URL=http://127.0.0.1:1\n").is_err());
    }
}
