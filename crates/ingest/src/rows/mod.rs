//! Records in files: what an import takes in pieces and an export gives in pieces.
//!
//! A file comes as a stream of chunks cut anywhere. [`Reader::push`] takes a chunk, and
//! [`Reader::next`] gives the rows that are complete, each as the text of a JSON object, or why it
//! is none. What is not complete waits, up to a bound. A bad row says its number and is passed
//! over; only what makes all further rows senseless is an error of the file.
//!
//! - [`ndjson`]: a JSON object on each line. [`csv`]: a header, then cells. [`mod@write`]: the way out,
//!   [`table`]: as rows of a table.

pub mod csv;
pub mod ndjson;
pub mod table;
pub mod write;

use base::Result;

use crate::model::Malformed;

/// The text of a row, or why it is no record.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// Which one: the line of NDJSON, the row behind the header of CSV, from 1.
    pub number: u64,
    /// The record's text: JSON that was checked, or made here.
    pub record: Result<String, Malformed>,
}

/// Takes a file in pieces.
#[derive(Debug)]
pub enum Reader {
    /// A JSON object on each line.
    Ndjson(ndjson::Lines),
    /// A header, then cells.
    Csv(csv::Table),
}

impl Reader {
    /// Takes a piece.
    ///
    /// # Errors
    /// When the file cannot be read on.
    pub fn push(&mut self, chunk: &[u8]) -> Result<()> {
        match self {
            Self::Ndjson(lines) => {
                lines.push(chunk);
                Ok(())
            }
            Self::Csv(table) => table.push(chunk),
        }
    }

    /// Nothing more comes: what waited is complete.
    ///
    /// # Errors
    /// When the file cannot be read on.
    pub fn end(&mut self) -> Result<()> {
        match self {
            Self::Ndjson(lines) => {
                lines.end();
                Ok(())
            }
            Self::Csv(table) => table.end(),
        }
    }

    /// The next complete row.
    #[expect(clippy::should_implement_trait, reason = "it is no iterator: more may come after it said None")]
    pub fn next(&mut self) -> Option<Row> {
        match self {
            Self::Ndjson(lines) => lines.next(),
            Self::Csv(table) => table.next(),
        }
    }
}
