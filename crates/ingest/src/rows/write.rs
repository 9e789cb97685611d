//! Records on their way out, gathered into chunks that are worth sending.

use base::{Error, Result};
use bytes::Bytes;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

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
    format: Format,
    out: Vec<u8>,
    rows: u64,
}

impl Writer {
    /// Begins a list.
    ///
    /// # Errors
    /// `Internal` when the header cannot be written.
    pub fn new(format: Format) -> Result<Self> {
        let mut writer = Self { out: Vec::with_capacity(CHUNK_BYTES + 4096), format, rows: 0 };
        if let Format::Csv(columns) = &writer.format {
            let header = cells(columns.iter().map(String::as_bytes))?;
            writer.out.extend(header);
        }
        Ok(writer)
    }

    /// Adds a record; a chunk, when there is enough for one.
    ///
    /// # Errors
    /// `Internal` when the record is no JSON object.
    pub fn add(&mut self, record: &str) -> Result<Option<Bytes>> {
        match &self.format {
            Format::Json => {
                self.out.push(if self.rows == 0 { b'[' } else { b',' });
                self.out.extend_from_slice(record.as_bytes());
            }
            Format::Ndjson => {
                self.out.extend_from_slice(record.as_bytes());
                self.out.push(b'\n');
            }
            Format::Csv(columns) => {
                let row = csv_row(columns, record)?;
                self.out.extend(row);
            }
        }
        self.rows += 1;
        Ok((self.out.len() >= CHUNK_BYTES).then(|| Bytes::from(std::mem::take(&mut self.out))))
    }

    /// The rest.
    pub fn end(mut self) -> Bytes {
        if self.format == Format::Json {
            self.out.extend_from_slice(if self.rows == 0 { b"[]" } else { b"]" });
        }
        Bytes::from(self.out)
    }
}

/// The top-level names of a record that are not among `columns` yet are added to them.
///
/// # Errors
/// `Internal` when the record is no JSON object.
pub fn add_columns(columns: &mut Vec<String>, record: &str) -> Result<()> {
    // Only for its names in their order: the values are read again, exactly, for the row.
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(record).map_err(Error::internal)?;
    for (name, _) in fields {
        if !columns.contains(&name) {
            columns.push(name);
        }
    }
    Ok(())
}

fn fields(record: &str) -> Result<BTreeMap<String, &RawValue>> {
    serde_json::from_str(record).map_err(Error::internal)
}

fn csv_row(columns: &[String], record: &str) -> Result<Vec<u8>> {
    let fields = fields(record)?;
    let cell = |column: &String| -> Result<String> {
        match fields.get(column).map(|raw| raw.get()) {
            None | Some("null") => Ok(String::new()),
            Some(text) if text.starts_with('"') => serde_json::from_str(text).map_err(Error::internal),
            Some(text) => Ok(text.to_owned()),
        }
    };
    let texts = columns.iter().map(cell).collect::<Result<Vec<_>>>()?;
    cells(texts.iter().map(String::as_bytes))
}

fn cells<'a>(cells: impl Iterator<Item = &'a [u8]>) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells).map_err(Error::internal)?;
    writer.into_inner().map_err(|error| Error::internal(error.error()))
}
