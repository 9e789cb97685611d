//! A Redis of our own, for the peers.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::bench::rest;
use crate::{process, tools};

const START_MAX: Duration = Duration::from_secs(10);

/// When the server syncs what it acknowledges.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sync {
    /// Not at all, as it comes.
    Never,
    /// Before it answers.
    Always,
}

/// The server; it ends when this is dropped.
pub(super) struct Redis {
    child: Child,
    pub(super) port: u16,
    pub(super) sync: Sync,
    _folder: TempDir,
}

impl Redis {
    /// Starts one where the kernel finds room.
    ///
    /// # Errors
    /// When it is not there and cannot be installed, or does not start.
    pub(super) fn start(sync: Sync) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = process::command(tools::redis_server()?, "--bind 127.0.0.1 --port");
        command.arg(port.to_string()).args(["--save", "", "--dir"]).arg(folder.path());
        if sync == Sync::Always {
            command.args(["--appendonly", "yes", "--appendfsync", "always"]);
        }
        let child = command.stdout(Stdio::null()).spawn().context("cannot start redis-server")?;
        let this = Self { child, port, sync, _folder: folder };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(begun.elapsed() < START_MAX, "redis-server does not listen");
            rest(Duration::from_millis(10));
        }
        Ok(this)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It holds nothing that anybody will miss.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
