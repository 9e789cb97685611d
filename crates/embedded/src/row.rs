//! What a row of the file holds, byte by byte.
//!
//! `fields` begin with the number of their format. A new format gets a new number, the old one
//! stays readable, and a file of each is kept under `tests/golden`.

use base::store::{Body, Field, Fields, Item, Key, Version};
use jiff::Timestamp;
use uuid::Uuid;

use crate::sums;

/// The format of `fields` that we write.
const FORMAT: u8 = 1;

const INT: u8 = 0;
const STR: u8 = 1;
const FALSE: u8 = 2;
const TRUE: u8 = 3;

/// The three parts of a key as they stand in a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'a [u8],
    pub(crate) partition: &'a [u8],
    pub(crate) sort: &'a [u8],
}

impl<'a> From<&'a Key> for Place<'a> {
    fn from(key: &'a Key) -> Self {
        Self { table: key.table.0.as_bytes(), partition: key.partition.as_bytes(), sort: key.sort.as_bytes() }
    }
}

impl Place<'_> {
    /// Whether both are of one partition.
    pub(crate) fn shares_partition_with(&self, other: &Place<'_>) -> bool {
        (self.table, self.partition) == (other.table, other.partition)
    }

    /// Names the row in errors and logs.
    pub(crate) fn name(&self) -> String {
        let [table, partition, sort] = [self.table, self.partition, self.sort].map(String::from_utf8_lossy);
        format!("{table} {partition:?} {sort:?}")
    }
}

/// Everything of a row but its key, ready to be bound.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) version: Version,
    pub(crate) fields: Vec<u8>,
    pub(crate) data: Option<String>,
    pub(crate) expires: Option<i64>,
    pub(crate) sums: [u8; sums::SUMS],
}

impl Row {
    /// Encodes an item. Done by the caller of a write, so that the one writer has less to do.
    pub(crate) fn new(key: &Key, version: Version, body: Body) -> Self {
        let fields = encode(&body.fields);
        let expires = body.expires.map(Timestamp::as_microsecond);
        let stored = Stored {
            place: key.into(),
            version: Some(version.0.as_bytes()),
            fields: &fields,
            data: body.data.as_deref().map(str::as_bytes),
            expires,
        };
        let sums = sums::of(&stored);
        Self { version, fields, data: body.data, expires, sums }
    }

    /// About how many bytes it adds to a transaction.
    pub(crate) fn bytes(&self) -> usize {
        self.fields.len() + self.data.as_ref().map_or(0, String::len)
    }
}

/// A row as it came from the file, not yet believed.
pub(crate) struct Stored<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) version: Option<&'a [u8]>,
    pub(crate) fields: &'a [u8],
    pub(crate) data: Option<&'a [u8]>,
    pub(crate) expires: Option<i64>,
}

impl Stored<'_> {
    /// Which of the optional columns are there: an empty text is not an absent one.
    pub(crate) fn presence(&self) -> u8 {
        let bit = |present: bool, place: u8| u8::from(present) << place;
        bit(self.version.is_some(), 0) | bit(self.expires.is_some(), 1) | bit(self.data.is_some(), 2)
    }

    /// The item under `key`, if every byte is the one that was written.
    pub(crate) fn item(&self, key: Key, sums: &[u8]) -> Option<Item> {
        if !sums::is_sound(self, sums) {
            return None;
        }
        let version = match self.version {
            Some(bytes) => Some(Version(Uuid::from_slice(bytes).ok()?)),
            None => None,
        };
        let data = match self.data {
            Some(bytes) => Some(std::str::from_utf8(bytes).ok()?.to_owned()),
            None => None,
        };
        let expires = match self.expires {
            Some(at) => Some(Timestamp::from_microsecond(at).ok()?),
            None => None,
        };
        Some(Item { key, version, body: Body { fields: decode(self.fields)?, data, expires } })
    }
}

/// The format's number, then for each field its name, its kind and its value.
pub(crate) fn encode(fields: &Fields) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + fields.len() * 24);
    out.push(FORMAT);
    for (name, value) in fields {
        push_text(&mut out, name);
        match value {
            Field::Int(number) => {
                out.push(INT);
                push_number(&mut out, zigzag(*number));
            }
            Field::Str(text) => {
                out.push(STR);
                push_text(&mut out, text);
            }
            Field::Bool(false) => out.push(FALSE),
            Field::Bool(true) => out.push(TRUE),
        }
    }
    out
}

/// Reads what [`encode`] wrote; `None` if it did not write this.
pub(crate) fn decode(bytes: &[u8]) -> Option<Fields> {
    let (FORMAT, mut rest) = bytes.split_first().map(|(format, rest)| (*format, rest))? else {
        return None;
    };
    let mut fields = Fields::new();
    while !rest.is_empty() {
        let name = take_text(&mut rest)?;
        let value = match take_byte(&mut rest)? {
            INT => Field::Int(unzigzag(take_number(&mut rest)?)),
            STR => Field::Str(take_text(&mut rest)?),
            FALSE => Field::Bool(false),
            TRUE => Field::Bool(true),
            _ => return None,
        };
        fields.insert(name, value);
    }
    Some(fields)
}

/// Small numbers of either sign become small numbers.
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
fn push_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    push_number(out, text.len() as u64);
    out.extend(text.as_bytes());
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (byte, after) = rest.split_first()?;
    *rest = after;
    Some(*byte)
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(rest)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(take_number(rest)?).ok()?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    String::from_utf8(text.to_vec()).ok()
}
