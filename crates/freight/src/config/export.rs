//! The section `[export]`: what is also taken to other systems.

use std::time::Duration;

use super::read::Reader;
use super::uri::{self, LogsUri, Place};

/// What is also taken to other systems, and how often.
#[derive(Clone, Debug)]
pub struct Export {
    /// Where log lines of jobs go.
    pub journal: Option<LogsUri>,
    /// Where dead letters go.
    pub dead_letters: Option<Place>,
    /// How long one round waits for the next.
    pub every: Duration,
}

impl Default for Export {
    fn default() -> Self {
        Self { journal: None, dead_letters: None, every: Duration::from_secs(5) }
    }
}

/// Reads the section.
pub(super) fn read(reader: &mut Reader) -> Export {
    Export {
        journal: reader.parsed("export.journal", None, uri::logs),
        dead_letters: reader.parsed("export.dead_letters", None, uri::letters),
        every: reader.seconds("export.every_s", 1..=3_600),
    }
}
