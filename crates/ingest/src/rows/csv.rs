//! A header, then cells, as RFC 4180 has them.
//!
//! Cells are strings unless `types` says otherwise of their column. A cell that is spelled like
//! one of the `null` spellings makes its field absent. Numbers keep their spelling.

use std::collections::{BTreeMap, VecDeque};

use base::{Error, Result};
use serde_json::value::RawValue;

use super::Row;
use crate::model::Malformed;
use crate::model::record::check;

/// The largest row, quotes and all.
const ROW_BYTES_MAX: usize = 1 << 20;
/// At most so many columns.
const COLUMNS_MAX: usize = 1_000;

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text, as it stands.
    String,
    /// A whole number of up to 38 digits.
    Integer,
    /// A number as JSON writes it.
    Number,
    /// `true` or `false`.
    Boolean,
    /// Any JSON.
    Json,
}

/// How a file is read.
#[derive(Clone, Debug)]
pub struct Options {
    /// Columns that are not strings.
    pub types: BTreeMap<String, Type>,
    /// Spellings that make a field absent.
    pub null: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { types: BTreeMap::new(), null: vec![String::new(), "NA".to_owned()] }
    }
}

impl Options {
    /// Reads `types` (`id:integer,price:number`) and `null` (`,NA,-`) of a request.
    ///
    /// # Errors
    /// `Invalid`, naming the parameter and what is allowed.
    pub fn parse(types: Option<&str>, null: Option<&str>) -> Result<Self> {
        let mut options = Self::default();
        for pair in types.unwrap_or_default().split(',').filter(|pair| !pair.is_empty()) {
            let (column, kind) = pair.rsplit_once(':').unwrap_or((pair, ""));
            options.types.insert(column.to_owned(), type_of(kind)?);
        }
        if let Some(null) = null {
            options.null = null.split(',').map(str::to_owned).collect();
        }
        Ok(options)
    }
}

fn type_of(text: &str) -> Result<Type> {
    match text {
        "string" => Ok(Type::String),
        "integer" => Ok(Type::Integer),
        "number" => Ok(Type::Number),
        "boolean" => Ok(Type::Boolean),
        "json" => Ok(Type::Json),
        _ => Err(Error::invalid(
            "types",
            "Allowed: column:type joined by commas, type one of string, integer, number, boolean, json",
        )),
    }
}

/// Where the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// At the beginning of a cell.
    #[default]
    Start,
    /// In a cell without quotes.
    Plain,
    /// Between quotes.
    Quoted,
    /// Behind a quote that ends the cell, unless another one follows.
    Closing,
}

struct Column {
    name: String,
    /// The name as a JSON string.
    quoted: String,
    kind: Type,
}

/// A table that comes in pieces.
pub struct Table {
    options: Options,
    columns: Option<Vec<Column>>,
    buffer: Vec<u8>,
    place: Place,
    /// How much of the buffer was looked through, and up to where rows are complete.
    looked: usize,
    complete: usize,
    number: u64,
    rows: VecDeque<Row>,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Table {
    /// Reads by these options.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            columns: None,
            buffer: Vec::new(),
            place: Place::Start,
            looked: 0,
            complete: 0,
            number: 0,
            rows: VecDeque::new(),
        }
    }

    /// Takes a piece.
    ///
    /// # Errors
    /// `Invalid` for a header that names no columns, or a row without end.
    pub fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(chunk);
        self.look();
        if self.buffer.len() - self.complete > ROW_BYTES_MAX {
            return Err(Error::invalid(
                "body",
                format!("A row is at most {ROW_BYTES_MAX} bytes; is a quote not closed?"),
            ));
        }
        self.read()
    }

    /// Nothing more comes: the last row needs no line break.
    ///
    /// # Errors
    /// As for [`push`](Self::push).
    pub fn end(&mut self) -> Result<()> {
        self.complete = self.buffer.len();
        self.read()?;
        if self.columns.is_none() {
            return Err(Error::invalid("body", "The first row must name the columns"));
        }
        Ok(())
    }

    /// The next complete row.
    #[expect(clippy::should_implement_trait, reason = "it is no iterator: more may come after it said None")]
    pub fn next(&mut self) -> Option<Row> {
        self.rows.pop_front()
    }

    /// Finds where rows end: at a line break that is not between quotes.
    fn look(&mut self) {
        for byte in &self.buffer[self.looked..] {
            self.looked += 1;
            self.place = match (self.place, byte) {
                (Place::Quoted, b'"') => Place::Closing,
                (Place::Quoted, _) | (Place::Closing | Place::Start, b'"') => Place::Quoted,
                (_, b'\n') => {
                    self.complete = self.looked;
                    Place::Start
                }
                (_, b',') => Place::Start,
                _ => Place::Plain,
            };
        }
    }

    fn read(&mut self) -> Result<()> {
        let rest = self.buffer.split_off(self.complete);
        let block = std::mem::replace(&mut self.buffer, rest);
        self.looked -= self.complete.min(self.looked);
        self.complete = 0;
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(block.as_slice());
        let mut cells = csv::ByteRecord::new();
        while reader.read_byte_record(&mut cells).map_err(|error| Error::invalid("body", error.to_string()))? {
            match &self.columns {
                None => self.columns = Some(self.header(&cells)?),
                Some(columns) => {
                    self.number += 1;
                    let record = record(columns, &cells, &self.options.null);
                    self.rows.push_back(Row { number: self.number, record });
                }
            }
        }
        Ok(())
    }

    fn header(&self, cells: &csv::ByteRecord) -> Result<Vec<Column>> {
        let wrong = |why: String| Error::invalid("body", why);
        let mut names: Vec<String> = Vec::with_capacity(cells.len());
        for (n, cell) in cells.iter().enumerate() {
            let cell = if n == 0 { cell.strip_prefix(b"\xef\xbb\xbf").unwrap_or(cell) } else { cell };
            let name = str::from_utf8(cell).map_err(|_| wrong("The header is not UTF-8".to_owned()))?.to_owned();
            if name.is_empty() || names.contains(&name) {
                return Err(wrong(format!("The header names column {} not at all, or twice", n + 1)));
            }
            names.push(name);
        }
        if names.len() > COLUMNS_MAX {
            return Err(wrong(format!("A table has at most {COLUMNS_MAX} columns")));
        }
        if let Some(unknown) = self.options.types.keys().find(|column| !names.contains(column)) {
            let why = format!("The header has no column {}. Allowed: {}", base::id::shown(unknown), names.join(", "));
            return Err(Error::invalid("types", why));
        }
        let column = |name: String| -> Result<Column> {
            let kind = self.options.types.get(&name).copied().unwrap_or(Type::String);
            let quoted = serde_json::to_string(&name).map_err(Error::internal)?;
            Ok(Column { name, quoted, kind })
        };
        names.into_iter().map(column).collect()
    }
}

/// The cells of a row as a JSON object, without those that are null.
fn record(columns: &[Column], cells: &csv::ByteRecord, null: &[String]) -> Result<String, Malformed> {
    if cells.len() != columns.len() {
        return Err(Malformed::record(format!("{} cells, but the header has {}", cells.len(), columns.len())));
    }
    let mut out = Vec::with_capacity(cells.as_slice().len() + columns.len() * 16);
    let mut is_made_here = true;
    out.push(b'{');
    for (column, cell) in columns.iter().zip(cells) {
        let cell = str::from_utf8(cell).map_err(|_| Malformed::field(&column.name, "Not UTF-8"))?;
        if null.iter().any(|spelling| spelling == cell) {
            continue;
        }
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(column.quoted.as_bytes());
        out.push(b':');
        match column.kind {
            Type::String => serde_json::to_writer(&mut out, cell).map_err(|_| Malformed::record("Not text"))?,
            kind => {
                let cell = typed(kind, cell).map_err(|why| Malformed::field(&column.name, why))?;
                out.extend_from_slice(cell.as_bytes());
                is_made_here = false;
            }
        }
    }
    out.push(b'}');
    let text = String::from_utf8(out).map_err(|_| Malformed::record("Not UTF-8"))?;
    // Strings that were written here are sound; JSON that came in a cell may be beyond our limits.
    if !is_made_here {
        check(&text)?;
    }
    Ok(text)
}

/// The cell as it stands, if it is JSON of the type.
fn typed(kind: Type, cell: &str) -> Result<&str, &'static str> {
    let cell = cell.trim();
    let json = serde_json::from_str::<&RawValue>(cell).is_ok();
    let number = json && cell.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    match kind {
        Type::Integer if number && !cell.contains(['.', 'e', 'E']) => Ok(cell),
        Type::Integer => Err("Not a whole number"),
        Type::Number if number => Ok(cell),
        Type::Number => Err("Not a number"),
        Type::Boolean if matches!(cell, "true" | "false") => Ok(cell),
        Type::Boolean => Err("Must be true or false"),
        Type::Json | Type::String if json => Ok(cell),
        Type::Json | Type::String => Err("Not JSON"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: Options, pieces: &[&[u8]]) -> Result<Vec<String>> {
        let mut table = Table::new(options);
        for piece in pieces {
            table.push(piece)?;
        }
        table.end()?;
        let text = |row: Row| match row.record {
            Ok(text) => text,
            Err(why) => format!("{}: {why}", row.number),
        };
        Ok(std::iter::from_fn(|| table.next()).map(text).collect())
    }

    #[test]
    fn cells_become_fields_however_the_file_is_cut() {
        let file = "\u{feff}id,name,n\r\n1,\"a, \"\"b\"\"\nc\",1.10\n2,5\" pipe,NA\n3,,x\n4,d\n";
        let options = Options::parse(Some("id:integer,n:number"), None).unwrap();
        let expected = [
            r#"{"id":1,"name":"a, \"b\"\nc","n":1.10}"#,
            r#"{"id":2,"name":"5\" pipe"}"#,
            "3: n: Not a number",
            "4: 2 cells, but the header has 3",
        ];
        assert_eq!(read(options.clone(), &[file.as_bytes()]).unwrap(), expected);
        let bytes: Vec<&[u8]> = file.as_bytes().chunks(1).collect();
        assert_eq!(read(options, &bytes).unwrap(), expected);
    }

    #[test]
    fn columns_and_types_must_agree() {
        let field = |types, file: &[u8]| {
            let options = Options::parse(Some(types), None).unwrap();
            read(options, &[file]).unwrap_err().details()[0].field.clone()
        };
        assert_eq!(field("c:json", b"a,b\n1,2\n"), "types");
        assert_eq!(field("", b"a,a\n1,2\n"), "body");
        assert_eq!(field("", b""), "body");
        assert!(Options::parse(Some("a:date"), None).is_err());
    }

    #[test]
    fn spellings_of_null_can_be_chosen() {
        let options = Options::parse(None, Some("-,null")).unwrap();
        assert_eq!(read(options, &[b"a,b,c\n-,null,\n"]).unwrap(), [r#"{"c":""}"#]);
    }
}
