//! One life of a child that says what it does and is killed.
//!
//! On stdout the child says, a line each: `open …` once its store is open; `<` and `>` when a write of the
//! store begins and was answered; `end …` as the last thing, when there is nothing left to do; and whatever
//! else its judge wants to hear.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::process;

/// What a process gets that ends itself.
const SIGABRT: i32 = 6;
/// A child that lives for longer than this is stuck.
const PATIENCE: Duration = Duration::from_mins(10);

/// How a life ended.
pub(super) enum End {
    /// It was killed, or ended itself at a point; a write may have been under way.
    Killed { by_itself: bool, in_flight: bool },
    /// There was nothing left to do.
    Finished,
}

/// One process.
pub(super) struct Life {
    child: Child,
    lines: mpsc::Receiver<String>,
    until: Instant,
    /// Writes that began and were not answered yet.
    writes: i64,
    ended: bool,
}

impl Life {
    pub(super) fn start(mut command: Command) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (send, lines) = mpsc::channel();
        process::follow(child.stdout.take(), send);
        Ok(Self { child, lines, until: Instant::now() + PATIENCE, writes: 0, ended: false })
    }

    /// Lets it live until it is killed, so long after it was `ready`, kills itself, or has finished. `hear` gets
    /// every line that is not about a write, and `ready` is asked what it makes of each until it says so.
    pub(super) fn lived(
        mut self,
        killed_after: Option<Duration>,
        mut ready: impl FnMut(&str) -> bool,
        mut hear: impl FnMut(&str),
    ) -> Result<End> {
        while let Some(line) = self.next()? {
            self.heard(&line, &mut hear);
            if ready(&line) {
                break;
            }
        }
        if let Some(wait) = killed_after {
            process::rest(wait);
            self.until_it_writes(&mut hear)?;
            self.child.kill()?;
        }
        while let Some(line) = self.next()? {
            self.heard(&line, &mut hear);
        }
        let status = self.child.wait()?;
        if self.ended {
            return Ok(End::Finished);
        }
        let by_itself = status.signal() == Some(SIGABRT);
        if killed_after.is_none() && !by_itself {
            bail!("the child ended with {status}");
        }
        Ok(End::Killed { by_itself, in_flight: self.writes > 0 })
    }

    /// Hears what was said meanwhile, and what follows until a write is under way: a kill between two
    /// writes shows little.
    fn until_it_writes(&mut self, hear: &mut impl FnMut(&str)) -> Result<()> {
        loop {
            let line = match self.lines.try_recv() {
                Err(_) if self.writes > 0 => return Ok(()),
                Err(_) => self.next()?,
                Ok(line) => Some(line),
            };
            let Some(line) = line else { return Ok(()) };
            self.heard(&line, hear);
        }
    }

    /// The next line, or none after the last.
    fn next(&mut self) -> Result<Option<String>> {
        match self.lines.recv_timeout(self.until.saturating_duration_since(Instant::now())) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                self.child.kill()?;
                bail!("the child is stuck: it has not ended after {PATIENCE:?}")
            }
        }
    }

    fn heard(&mut self, line: &str, hear: &mut impl FnMut(&str)) {
        match line {
            "<" => self.writes += 1,
            ">" => self.writes -= 1,
            _ => {
                self.ended |= line.starts_with("end ");
                hear(line);
            }
        }
    }
}
