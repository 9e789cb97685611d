//! Who asked for what: one event for each write, counts per minute and caller for reads.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Something that somebody did with a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When; of reads the beginning of the minute.
    pub at: Timestamp,
    /// What.
    pub kind: Kind,
    /// Who.
    pub principal: String,
    /// Of which series; of a batch of several the first.
    pub series: Option<String>,
    /// What it was answered; of reads nothing.
    pub status: Option<u16>,
    /// How many bytes of data were written.
    pub bytes: u64,
    /// How many records were written, or how many times was read.
    pub count: u64,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A write.
    #[serde(rename = "w")]
    WriteRequest,
    /// Reads of one minute.
    #[serde(rename = "r")]
    Reads,
}
