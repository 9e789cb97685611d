//! Peers that somebody writes with FastAPI: a script, run by uvicorn on an empty folder.

use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tempfile::TempDir;

use super::source::pressure::Peer;
use crate::process::rest;
use crate::{process, tools};

const PACKAGES: [&str; 4] = ["fastapi==0.165.0", "uvicorn==0.54.0", "uvloop==0.23.0", "httptools==0.9.0"];
const LISTENS_MAX: Duration = Duration::from_secs(10);

/// A running peer; it and its folder die with this.
pub(super) struct FastApi {
    _peer: Peer,
    _folder: TempDir,
    /// Where it is.
    pub(super) url: String,
}

impl FastApi {
    /// Starts a script with so many processes; it finds its folder in `PEER_FOLDER`.
    ///
    /// # Errors
    /// When it ends, or does not listen.
    pub(super) fn start(script: &str, workers: &str, environment: &[(&str, &str)]) -> Result<Self> {
        let home = tools::python_packages("fastapi", &PACKAGES)?;
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("peer.py"), script)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let words = format!("peer:app --host 127.0.0.1 --port {port} --workers {workers} --no-access-log");
        let mut command = process::command(home.join("bin/uvicorn"), &words);
        command.current_dir(folder.path()).env("PEER_FOLDER", folder.path()).envs(environment.iter().copied());
        let (peer, _) = Peer::start(command, "startup complete")?;
        // It says so before it listens.
        let deadline = Instant::now() + LISTENS_MAX;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(Instant::now() < deadline, "a peer does not listen");
            rest(Duration::from_millis(20));
        }
        Ok(Self { _peer: peer, _folder: folder, url: format!("http://127.0.0.1:{port}") })
    }
}
