//! What was answered: the witness against which a server under test is judged.
//!
//! A line is one call. It is in the file, when there is one, before the answer is sent; so the set
//! of records that callers have received is always within the set that the journal holds, however
//! hard the receiving process dies. The file is written through to the operating system, not to
//! the disk: it outlives any process, not the machine.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::fault::Fault;

/// What kind of answer it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// One record, as an object.
    Object,
    /// Records, as an array.
    Array,
    /// 200 with the message that too many were asked for.
    Message,
    /// 404, as the model answers for what it does not know.
    NotFound,
    /// 429, because the rate was exceeded.
    RateLimited,
    /// 422, because the model's behaviour is not known.
    Unsupported,
    /// Broken on purpose.
    Fault(Fault),
}

impl Class {
    /// The name in journal and counters; that of the fault for broken answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::Message => "message",
            Self::NotFound => "not_found",
            Self::RateLimited => "rate_limited",
            Self::Unsupported => "unsupported",
            Self::Fault(fault) => fault.as_str(),
        }
    }
}

impl Serialize for Class {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What identifies a record of random-data-api.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Its `id`, 1 to 9,999; not unique.
    pub id: u32,
    /// Its `last_name`.
    pub last_name: &'static str,
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The number of the line, from 1, without gaps.
    pub seq: u64,
    /// The number of the answer in its seed, from 1; absent when the call took none.
    pub n: Option<u64>,
    /// When it was recorded, just before it was sent.
    pub at: Timestamp,
    /// The path that was called.
    pub path: &'static str,
    /// The `size` asked for, as it was written.
    pub size: Option<String>,
    /// What was answered.
    pub class: Class,
    /// Whether it was broken on purpose.
    pub broken: bool,
    /// The HTTP status; absent when the connection was reset instead.
    pub status: Option<u16>,
    /// The whole records that a caller has who read the answer to its end.
    pub records: Vec<Record>,
    /// How many more records came without id or last name.
    pub malformed: usize,
    /// How long the body was that was sent.
    pub body_bytes: usize,
    /// The blake3 hash of the body that was sent, in hex.
    pub body_blake3: String,
}

/// Counters since the start or the last reset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Calls that came in.
    pub calls: u64,
    /// Calls that were answered, resets included; the others are under way or were given up.
    pub answered: u64,
    /// Whole records answered.
    pub records: u64,
    /// Records answered without id or last name.
    pub malformed: u64,
    /// Calls answered, by class.
    pub by_class: BTreeMap<&'static str, u64>,
}

/// The lines, in memory and in the file.
pub(crate) struct Journal {
    lines: VecDeque<Bytes>,
    lines_max: usize,
    last_seq: u64,
    file: Option<File>,
    torn: bool,
}

impl Journal {
    /// An empty journal; lines that the file already has stay.
    pub(crate) fn open(path: Option<&Path>, lines_max: usize) -> io::Result<Self> {
        let file = path.map(|path| OpenOptions::new().create(true).append(true).open(path)).transpose()?;
        Ok(Self { lines: VecDeque::new(), lines_max, last_seq: 0, file, torn: false })
    }

    /// Numbers the entry and appends it, to the file first.
    ///
    /// After a failure the file may end in half a line; so nothing more is appended until `clear`.
    pub(crate) fn append(&mut self, mut entry: Entry) -> io::Result<()> {
        entry.seq = self.last_seq + 1;
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        if let Some(file) = &mut self.file {
            if self.torn {
                return Err(io::Error::other("an earlier line could not be written"));
            }
            file.write_all(&line).inspect_err(|_| self.torn = true)?;
        }
        self.last_seq = entry.seq;
        self.lines.push_back(line.into());
        while self.lines.len() > self.lines_max {
            self.lines.pop_front();
        }
        Ok(())
    }

    /// The lines from number `seq` on, or the number of the oldest one that is still kept.
    pub(crate) fn from(&self, seq: u64) -> Result<Vec<Bytes>, u64> {
        let oldest = self.last_seq + 1 - self.lines.len() as u64;
        let skipped = seq.max(1).checked_sub(oldest).ok_or(oldest)?;
        Ok(self.lines.iter().skip(usize::try_from(skipped).unwrap_or(usize::MAX)).cloned().collect())
    }

    /// Empties it, the file too.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.set_len(0)?;
        }
        self.lines.clear();
        self.last_seq = 0;
        self.torn = false;
        Ok(())
    }
}
