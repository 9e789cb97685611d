//! Who asked for what: one event for each write, counts per minute and caller for reads.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Something that somebody did with a series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When; of reads the beginning of the minute.
    pub at: Timestamp,
    /// What.
    pub kind: Kind,
    /// Who.
    pub principal: String,
    /// Of which series; of a batch of several the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// What it was answered; of reads nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How many bytes of data were written.
    #[serde(default)]
    pub bytes: u64,
    /// How many records were written, or how many times was read.
    pub count: u64,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A write.
    WriteRequest,
    /// Reads of one minute.
    Reads,
}
