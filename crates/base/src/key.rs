//! Keys of a store, built from parts.
//!
//! A key is text, compared byte by byte by both stores. It is made of parts, escaped so that the
//! order of two keys is the order of their parts, one after the other: `U+0001` ends a part, and
//! `U+0000`, `U+0001`, `U+0002` inside a part become `U+0002` and a digit. Numbers and instants
//! are sixteen hex digits with the sign bit turned, so that they sort as numbers do.
//!
//! ```
//! use base::key;
//! assert!(key!["a"] < key!["a", "b"]);
//! assert!(key!["a", "z"] < key!["a\u{0}", "b"]); // plain concatenation would disagree
//! assert!(key!["n", -1_i64] < key!["n", 10_i64]);
//! ```

use std::fmt::Write as _;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{JobId, TaskId, TenantId};

/// Ends a part.
pub const SEPARATOR: char = '\u{1}';
const ESCAPE: char = '\u{2}';

/// Something that can be part of a key.
pub trait KeyPart {
    /// Appends the encoded part, without a separator.
    fn encode(&self, out: &mut String);
}

/// Builds a key from parts: `key![tenant, "job", id]`.
#[macro_export]
macro_rules! key {
    ($($part:expr),+ $(,)?) => {
        $crate::key::join(&[$(&$part as &dyn $crate::key::KeyPart),+])
    };
}

/// Joins parts; use the [`key!`](crate::key!) macro.
pub fn join(parts: &[&dyn KeyPart]) -> String {
    let mut out = String::with_capacity(48);
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            out.push(SEPARATOR);
        }
        part.encode(&mut out);
    }
    out
}

/// The prefix that all keys beginning with exactly these parts share, and no other key has.
pub fn prefix(key: &str) -> String {
    let mut prefix = String::with_capacity(key.len() + 1);
    prefix.push_str(key);
    prefix.push(SEPARATOR);
    prefix
}

/// Takes a key apart again. Numbers and instants come back as their sixteen digits.
pub fn split(key: &str) -> Vec<String> {
    key.split(SEPARATOR).map(unescape).collect()
}

/// Reads back a part that was an `i64`.
pub fn decode_i64(part: &str) -> Option<i64> {
    let encoded = part.len() == 16 && part.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    let bits = encoded.then(|| u64::from_str_radix(part, 16).ok()).flatten()?;
    Some((bits ^ (1 << 63)).cast_signed())
}

/// Reads back a part that was an instant.
pub fn decode_timestamp(part: &str) -> Option<Timestamp> {
    Timestamp::from_microsecond(decode_i64(part)?).ok()
}

fn unescape(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    let mut chars = part.chars();
    while let Some(c) = chars.next() {
        match (c, c == ESCAPE) {
            (_, false) => out.push(c),
            (_, true) => match chars.next() {
                Some('0') => out.push('\u{0}'),
                Some('1') => out.push('\u{1}'),
                _ => out.push('\u{2}'),
            },
        }
    }
    out
}

impl KeyPart for str {
    fn encode(&self, out: &mut String) {
        if self.bytes().all(|byte| byte > 2) {
            return out.push_str(self);
        }
        for c in self.chars() {
            match c {
                '\u{0}' => out.push_str("\u{2}0"),
                SEPARATOR => out.push_str("\u{2}1"),
                ESCAPE => out.push_str("\u{2}2"),
                plain => out.push(plain),
            }
        }
    }
}

impl KeyPart for String {
    fn encode(&self, out: &mut String) {
        self.as_str().encode(out);
    }
}

impl<T: KeyPart + ?Sized> KeyPart for &T {
    fn encode(&self, out: &mut String) {
        (**self).encode(out);
    }
}

impl KeyPart for i64 {
    fn encode(&self, out: &mut String) {
        (self.cast_unsigned() ^ (1 << 63)).encode(out);
    }
}

impl KeyPart for u64 {
    fn encode(&self, out: &mut String) {
        // Writing to a String cannot fail.
        write!(out, "{self:016x}").unwrap_or_default();
    }
}

impl KeyPart for u32 {
    fn encode(&self, out: &mut String) {
        u64::from(*self).encode(out);
    }
}

impl KeyPart for Timestamp {
    fn encode(&self, out: &mut String) {
        self.as_microsecond().encode(out);
    }
}

impl KeyPart for Uuid {
    fn encode(&self, out: &mut String) {
        out.push_str(self.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    }
}

impl KeyPart for TaskId {
    fn encode(&self, out: &mut String) {
        self.uuid().encode(out);
    }
}

impl KeyPart for JobId {
    fn encode(&self, out: &mut String) {
        self.uuid().encode(out);
    }
}

impl KeyPart for TenantId {
    fn encode(&self, out: &mut String) {
        self.as_str().encode(out);
    }
}
