//! A JSON object on each line.

use super::Row;
use crate::model::Malformed;
use crate::model::record::{RECORD_BYTES_MAX, check};

/// Lines of a file that comes in pieces. Empty lines are counted and passed over.
#[derive(Debug, Default)]
pub struct Lines {
    buffer: Vec<u8>,
    /// How much of the buffer was given out.
    done: usize,
    /// How much of it is known to hold no line break.
    searched: usize,
    number: u64,
    /// In a line that is too long, up to its end.
    skipping: bool,
}

impl Lines {
    /// Takes a piece.
    pub fn push(&mut self, chunk: &[u8]) {
        self.buffer.drain(..self.done);
        self.searched -= self.done;
        self.done = 0;
        self.buffer.extend_from_slice(chunk);
    }

    /// Nothing more comes: the last line needs no line break.
    pub fn end(&mut self) {
        if self.done < self.buffer.len() {
            self.buffer.push(b'\n');
        }
    }

    /// The next complete line that is not empty.
    #[expect(clippy::should_implement_trait, reason = "it is no iterator: more may come after it said None")]
    pub fn next(&mut self) -> Option<Row> {
        loop {
            let Some(length) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') else {
                return self.too_long();
            };
            let (start, end) = (self.done, self.searched + length);
            self.done = end + 1;
            self.searched = self.done;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            self.number += 1;
            let line = self.buffer[start..end].trim_ascii();
            if !line.is_empty() {
                return Some(Row { number: self.number, record: text(line) });
            }
        }
    }

    /// What is longer than any record is given up at once, and its rest is not kept.
    fn too_long(&mut self) -> Option<Row> {
        self.searched = self.buffer.len();
        if self.buffer.len() - self.done <= RECORD_BYTES_MAX + 2 {
            return None;
        }
        self.done = self.buffer.len();
        if std::mem::replace(&mut self.skipping, true) {
            return None;
        }
        self.number += 1;
        let why = format!("A record is at most {RECORD_BYTES_MAX} bytes");
        Some(Row { number: self.number, record: Err(Malformed::record(why)) })
    }
}

fn text(line: &[u8]) -> Result<String, Malformed> {
    let line = str::from_utf8(line).map_err(|_| Malformed::record("Not UTF-8"))?;
    check(line)?;
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(pieces: &[&[u8]]) -> Vec<(u64, bool)> {
        let mut lines = Lines::default();
        let mut rows = Vec::new();
        for piece in pieces {
            lines.push(piece);
            rows.extend(std::iter::from_fn(|| lines.next()));
        }
        lines.end();
        rows.extend(std::iter::from_fn(|| lines.next()));
        rows.into_iter().map(|row| (row.number, row.record.is_ok())).collect()
    }

    #[test]
    fn lines_are_whole_however_the_file_is_cut() {
        let whole = b"{\"a\":1}\r\n\n {\"b\":2}\n\xff\n{\"c\":3}";
        let expected = [(1, true), (3, true), (4, false), (5, true)];
        assert_eq!(rows(&[whole]), expected);
        let bytes: Vec<&[u8]> = whole.chunks(1).collect();
        assert_eq!(rows(&bytes), expected);
    }

    #[test]
    fn a_line_without_end_is_one_bad_row_and_is_not_kept() {
        let long = vec![b'x'; RECORD_BYTES_MAX];
        assert_eq!(rows(&[&long, &long, &long, b"\n{}\n"]), [(1, false), (2, true)]);
    }
}
