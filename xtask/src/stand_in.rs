//! The stand-ins of third-party APIs as a process of their own, so that they cost the server that
//! is measured or killed nothing but the calls.

use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::http::Client;
use crate::process;

const START_MAX: Duration = Duration::from_secs(60);

/// The process; it ends when this is dropped.
pub(crate) struct StandIn {
    child: Child,
    /// Where it listens: a host and a port.
    pub(crate) address: String,
}

impl StandIn {
    /// Starts `program sandbox` where the kernel finds room.
    ///
    /// # Errors
    /// When it does not say within a minute that it listens.
    pub(crate) fn start(program: &Path) -> Result<Self> {
        let mut command = process::command(program, "sandbox");
        command.env("FREIGHT_SANDBOX_LISTEN", "127.0.0.1:0").stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let (lines, said) = mpsc::channel();
        process::follow(child.stderr.take(), lines);
        let mut this = Self { child, address: String::new() };
        let line = process::await_line(&said, "http://", START_MAX)?;
        this.address = line.split("http://").nth(1).context("it listens nowhere")?.to_owned();
        Ok(this)
    }

    /// A caller of it.
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.address, None)
    }

    /// Has it behave so from the next call on.
    ///
    /// # Errors
    /// When it will not.
    pub(crate) fn behave(&self, behaviour: &Value) -> Result<()> {
        self.client().json("PUT", "/_sandbox/config", behaviour)?.expect(200)?;
        Ok(())
    }

    /// Has users of the server come from here: what its environment needs.
    pub(crate) fn allowed(&self) -> [(&str, &str); 2] {
        [("FREIGHT_INGEST_ALLOW_HTTP", "true"), ("FREIGHT_INGEST_ALLOW_HOSTS", &self.address)]
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("the stand-in could not be ended: {error}");
        }
    }
}
