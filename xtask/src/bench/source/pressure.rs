//! Calls over many connections, and servers that are called.

use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::process;

const START_MAX: Duration = Duration::from_secs(60);

/// What came of calling for a while.
#[derive(Clone, Copy)]
pub(super) struct Called {
    /// Answers a second.
    pub(super) rate: f64,
    /// What 99 in a hundred took at most, in milliseconds.
    pub(super) p99_ms: f64,
}

/// Where to call.
pub(super) struct Target<'a> {
    pub(super) url: &'a str,
    pub(super) path: &'a str,
    pub(super) key: &'a str,
    pub(super) body: &'a str,
}

/// Posts over so many connections for so many seconds.
///
/// # Errors
/// When something else than 200 is answered.
pub(super) fn call(pressure: &Path, target: &Target<'_>, connections: usize, seconds: u64) -> Result<Called> {
    let mut command = process::command(pressure, "call");
    command.args([target.url, target.path, &connections.to_string(), &seconds.to_string(), target.body]);
    // What is on a command line is printed.
    let mut input = tempfile::tempfile()?;
    input.write_all(target.key.as_bytes())?;
    input.rewind()?;
    command.stdin(input);
    let said = process::output(command)?;
    let numbers: Vec<f64> = said.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [answers, took, _, p99_ms, _] = numbers[..] else { anyhow::bail!("it said {said:?}") };
    ensure!(answers > 0.0, "nothing was answered");
    Ok(Called { rate: answers / took, p99_ms })
}

/// A server that is not ours; it dies with this.
pub(in crate::bench) struct Peer(Child);

impl Peer {
    /// Starts it and waits for a line with this word in it, which is returned.
    ///
    /// # Errors
    /// When it ends, or is not ready within a minute.
    pub(in crate::bench) fn start(mut command: Command, word: &str) -> Result<(Self, String)> {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.with_context(|| format!("cannot start {command:?}"))?;
        let (lines, said) = mpsc::channel();
        process::follow(child.stdout.take(), lines.clone());
        process::follow(child.stderr.take(), lines);
        let peer = Self(child);
        let line = process::await_line(&said, word, START_MAX)?;
        Ok((peer, line))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Its workers are its children and end with it, when it is told rather than killed.
        let told = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        if let Err(error) = told.and_then(|_| self.0.wait()) {
            eprintln!("a peer could not be ended: {error}");
        }
    }
}
