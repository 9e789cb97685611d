//! A large file in pieces that each are a file of the same kind.
//!
//! A piece ends where a record ends. For NDJSON that is a line; for CSV it is a line end outside
//! quotes, and each piece begins with the header of the first. A piece is sent as one request, so
//! its end is where an interrupted import goes on.

use std::io::{self, BufRead};

/// How the records of a file are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Comma-separated values with a header line.
    Csv,
    /// A JSON object a line.
    Ndjson,
}

impl Format {
    /// The format that the name of a file says.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            _ => None,
        }
    }

    /// The media type.
    pub(super) fn media(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

/// One record may not be longer than this.
const RECORD_MAX_BYTES: usize = 16 << 20;

/// Reads pieces of a file.
pub(super) struct Chunks<R> {
    file: R,
    format: Format,
    size_bytes: usize,
    header: Vec<u8>,
    end: u64,
}

/// A piece.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// The header, if there is one, and whole records.
    pub(super) body: Vec<u8>,
    /// Where in the file it ends.
    pub(super) end: u64,
    /// How many records it holds.
    pub(super) records: u64,
}

impl<R: BufRead> Chunks<R> {
    /// Pieces of about `size_bytes` of a file that is read from its beginning.
    ///
    /// # Errors
    /// When the header cannot be read.
    pub(super) fn new(file: R, format: Format, size_bytes: usize) -> io::Result<Self> {
        let mut chunks = Self { file, format, size_bytes, header: Vec::new(), end: 0 };
        if format == Format::Csv {
            let mut header = Vec::new();
            chunks.record(&mut header)?;
            chunks.header = header;
        }
        Ok(chunks)
    }

    /// Skips everything before `end`, which is where a piece ended; returns how many records.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn skip_to(&mut self, end: u64) -> io::Result<u64> {
        let mut records = 0;
        let mut record = Vec::new();
        while self.end < end && self.record(&mut record)? {
            records += 1;
            record.clear();
        }
        Ok(records)
    }

    /// The next piece; `None` at the end of the file.
    ///
    /// # Errors
    /// When the file cannot be read, or one record is longer than 16 MiB.
    pub(super) fn next(&mut self) -> io::Result<Option<Chunk>> {
        let mut body = self.header.clone();
        let mut records = 0;
        while body.len() < self.size_bytes.max(self.header.len() + 1) && self.record(&mut body)? {
            records += 1;
        }
        Ok((records > 0).then_some(Chunk { body, end: self.end, records }))
    }

    /// Appends the next record with its line end; says whether there was one.
    fn record(&mut self, to: &mut Vec<u8>) -> io::Result<bool> {
        let start = to.len();
        let mut line = start;
        let mut quoted = false;
        loop {
            let read = self.file.read_until(b'\n', to)?;
            self.end += u64::try_from(read).unwrap_or(u64::MAX);
            if self.format == Format::Csv {
                quoted ^= to[line..].iter().filter(|byte| **byte == b'"').count() % 2 == 1;
            }
            if read == 0 || !quoted {
                return Ok(to.len() > start);
            }
            line = to.len();
            if line - start > RECORD_MAX_BYTES {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a record is longer than 16 MiB; is a quote missing?",
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str, format: Format, size_bytes: usize) -> Vec<(String, u64)> {
        let mut chunks = Chunks::new(text.as_bytes(), format, size_bytes).unwrap();
        let mut all = Vec::new();
        while let Some(chunk) = chunks.next().unwrap() {
            all.push((String::from_utf8(chunk.body).unwrap(), chunk.end));
        }
        all
    }

    #[test]
    fn each_piece_of_csv_has_the_header_and_ends_with_a_record() {
        let text = "a,b\n1,\"x\ny\"\n2,z\n3,\"\"\"\"\n4,w";
        assert_eq!(
            pieces(text, Format::Csv, 8),
            [
                ("a,b\n1,\"x\ny\"\n".to_owned(), 12),
                ("a,b\n2,z\n".to_owned(), 16),
                ("a,b\n3,\"\"\"\"\n".to_owned(), 23),
                ("a,b\n4,w".to_owned(), 26),
            ]
        );
    }

    #[test]
    fn a_quote_in_ndjson_is_no_quote_of_ours() {
        let text = "{\"a\":\"}\n{\"b\":1}\n";
        assert_eq!(pieces(text, Format::Ndjson, 1), [("{\"a\":\"}\n".to_owned(), 8), ("{\"b\":1}\n".to_owned(), 16)]);
    }

    #[test]
    fn pieces_are_the_file_again_at_any_size_and_from_any_end() {
        let text: String = (0..200).map(|row| format!("{row},\"v{row}\n\"\"{row}\"\n")).collect();
        let text = format!("n,v\n{text}");
        for size in [1, 7, 64, 1000, 1 << 20] {
            let all = pieces(&text, Format::Csv, size);
            let joined: String = all.iter().map(|(body, _)| body.strip_prefix("n,v\n").unwrap()).collect();
            assert_eq!(format!("n,v\n{joined}"), text);
            for (index, (_, end)) in all.iter().enumerate() {
                let mut chunks = Chunks::new(text.as_bytes(), Format::Csv, size).unwrap();
                chunks.skip_to(*end).unwrap();
                let next = chunks.next().unwrap().map(|chunk| chunk.end);
                assert_eq!(next, all.get(index + 1).map(|(_, end)| *end));
            }
        }
    }

    #[test]
    fn a_file_of_nothing_but_a_header_has_no_pieces() {
        assert!(pieces("a,b\n", Format::Csv, 10).is_empty());
        assert!(pieces("", Format::Csv, 10).is_empty());
        assert!(pieces("", Format::Ndjson, 10).is_empty());
    }
}
