//! Why a command failed, and the exit code that says so.
//!
//! The codes are part of the command line's contract: they stand in `freight --help` and in the
//! README, and scripts rely on them.

use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::config::Fault;

/// The table of exit codes, for `--help`.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  it was tried and failed: a job that failed, a check that found something, a refused request
  2  wrong usage or wrong configuration; nothing was tried
  3  the server cannot be reached, or is unavailable
  4  the key is missing, wrong, or may not do this
  5  there is no such thing
  6  the store failed while it was in use; the server stopped itself

Environment:
  FREIGHT_URL      where the server is (default http://127.0.0.1:8000)
  FREIGHT_API_KEY  the key to call it with
  FREIGHT_TENANT   the tenant to act for, with a key of the tenant `system`
Both are also read from `.env` and `freight.env` in the working directory.";

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// It was tried and failed.
    Failed(String),
    /// Wrong usage; nothing was tried.
    Usage(String),
    /// Wrong configuration: everything that is wrong.
    Configuration(Vec<Fault>),
    /// The server cannot be reached, or answered that it cannot serve.
    Unreachable(String),
    /// The key is missing, wrong, or may not do this.
    Denied(String),
    /// No such thing.
    Absent(String),
    /// The store failed while it was in use.
    Poisoned(String),
    /// Whoever read our output stopped reading; there is nothing left to say.
    Closed,
}

impl Failure {
    /// A failure with everything an error has to say.
    pub fn failed(error: impl fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }

    /// The exit code, as `freight --help` lists it.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Closed => 0,
            Self::Failed(_) => 1,
            Self::Usage(_) | Self::Configuration(_) => 2,
            Self::Unreachable(_) => 3,
            Self::Denied(_) => 4,
            Self::Absent(_) => 5,
            Self::Poisoned(_) => 6,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(text)
            | Self::Usage(text)
            | Self::Unreachable(text)
            | Self::Denied(text)
            | Self::Absent(text)
            | Self::Poisoned(text) => f.write_str(text),
            Self::Configuration(faults) => {
                f.write_str("the configuration is wrong:")?;
                faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
            }
            Self::Closed => Ok(()),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::failed(error),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(format!("{error:#}"))
    }
}

impl From<base::Error> for Failure {
    fn from(error: base::Error) -> Self {
        Self::failed(error)
    }
}
