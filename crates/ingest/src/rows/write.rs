//! Records on their way out, gathered into chunks that are worth sending.

use base::Result;
use bytes::Bytes;

use super::table::Rows;

/// A chunk is sent when it has so many bytes.
const CHUNK_BYTES: usize = 64 << 10;

/// How a list of records is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON array.
    Json,
    /// A record on each line.
    Ndjson,
    /// These columns: the top level of the records, what is nested as JSON text.
    Csv(Vec<String>),
}

impl Format {
    /// The media type.
    pub fn media(&self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv(_) => "text/csv; charset=utf-8",
        }
    }
}

/// Gathers records.
#[derive(Debug)]
pub struct Writer {
    out: Out,
}

/// What is gathered.
#[derive(Debug)]
enum Out {
    /// Texts as they are: between brackets, or on lines.
    Texts { brackets: bool, text: Vec<u8>, rows: u64 },
    /// Rows of a table.
    Table(Box<Rows>),
}

impl Writer {
    /// Begins a list.
    ///
    /// # Errors
    /// `Internal` when the header cannot be written.
    pub fn new(format: Format) -> Result<Self> {
        let texts = |brackets| Out::Texts { brackets, text: Vec::with_capacity(CHUNK_BYTES + 4096), rows: 0 };
        let out = match format {
            Format::Json => texts(true),
            Format::Ndjson => texts(false),
            Format::Csv(columns) => Out::Table(Box::new(Rows::new(columns)?)),
        };
        Ok(Self { out })
    }

    /// Adds a record; a chunk, when there is enough for one.
    ///
    /// # Errors
    /// `Internal` when the record is no JSON object.
    pub fn add(&mut self, record: &str) -> Result<Option<Bytes>> {
        match &mut self.out {
            Out::Texts { brackets, text, rows } => {
                if *brackets {
                    text.push(if *rows == 0 { b'[' } else { b',' });
                }
                text.extend_from_slice(record.as_bytes());
                if !*brackets {
                    text.push(b'\n');
                }
                *rows += 1;
                Ok((text.len() >= CHUNK_BYTES).then(|| Bytes::from(std::mem::take(text))))
            }
            Out::Table(rows) => {
                rows.add(record)?;
                if rows.bytes() < CHUNK_BYTES { Ok(None) } else { Ok(Some(rows.take()?)) }
            }
        }
    }

    /// The rest.
    ///
    /// # Errors
    /// `Internal` when it cannot be written.
    pub fn end(self) -> Result<Bytes> {
        match self.out {
            Out::Texts { brackets, mut text, rows } => {
                if brackets {
                    text.extend_from_slice(if rows == 0 { b"[]" } else { b"]" });
                }
                Ok(Bytes::from(text))
            }
            Out::Table(mut rows) => rows.take(),
        }
    }
}
