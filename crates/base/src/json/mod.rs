//! Bodies that a stranger sent, and JSON that stays text.
//!
//! [`validate`] is the one pass over the bytes before anything else reads them. It refuses what
//! is no JSON, and what is JSON but would not survive: a key given twice (parsers keep the last
//! one, so that two readers of one body could see two), numbers beyond what both stores keep
//! exactly, and shapes that cost more than their length (deep nesting, very many values). What it
//! let through means the same to every parser, so [`parse`] may hand it to serde.
//!
//! Records that users entrust to us are never parsed into numbers at all: `serde_json` turns
//! integers above `u64` into floats and cuts decimals to 17 digits. [`pick`], [`members`],
//! [`elements`] and [`replace`] find their way in the text and leave every byte of it as it is. They
//! expect text that was validated, and answer `None` where it is not what it should be.
//!
//! An error names a place (dotted path, byte) and what was expected there, never the value: it
//! may be a password.

mod pick;
mod refusal;
mod scan;

use serde::Deserialize;

pub use pick::{elements, members, pick, replace, text};

use crate::{Error, ErrorKind, Result};

/// How far a body may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How deep objects and arrays may be nested.
    pub depth: usize,
    /// How many values there may be, the containers counted too.
    pub values: usize,
    /// How many bytes a text or a key may take, as it was sent.
    pub string_bytes: usize,
}

impl Limits {
    /// What a request body may hold.
    pub const BODY: Self = Self { depth: 32, values: 100_000, string_bytes: 1 << 20 };
}

/// How many significant digits a number may have: what both stores keep.
pub const DIGITS_MAX: usize = 38;

/// Refuses what is no JSON text within [`Limits::BODY`].
///
/// # Errors
/// `Malformed`; its detail has the dotted path, the byte, and what was expected there.
pub fn validate(body: &[u8]) -> Result<()> {
    validate_within(body, &Limits::BODY)
}

/// As [`validate`], within limits of the caller's own.
///
/// # Errors
/// As [`validate`].
pub fn validate_within(body: &[u8], limits: &Limits) -> Result<()> {
    scan::scan(body, limits).map_err(|fault| {
        let message = format!("{} (byte {})", fault.what, fault.at);
        Error::new(ErrorKind::Malformed, "The body is not valid JSON").with_detail("json_error", fault.path(), message)
    })
}

/// Validates a body and reads it as a type.
///
/// ```
/// #[derive(serde::Deserialize)]
/// struct Settings {
///     retries: u8,
/// }
/// let error = base::json::parse::<Settings>(br#"{"retries": 300}"#).err().unwrap();
/// assert_eq!(error.details()[0].field, "retries");
/// assert_eq!(error.details()[0].message, "Expected a whole number from 0 to 255");
/// ```
///
/// # Errors
/// `Malformed` as [`validate`]; `Invalid` where the type does not fit, naming the field and what
/// is allowed there.
pub fn parse<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T> {
    parse_within(body, &Limits::BODY)
}

/// As [`parse`], within limits of the caller's own.
///
/// # Errors
/// As [`parse`].
pub fn parse_within<'b, T: Deserialize<'b>>(body: &'b [u8], limits: &Limits) -> Result<T> {
    validate_within(body, limits)?;
    parse_outer(body)
}

/// As [`parse`], for a body whose parts are kept as they are, to be parsed one by one: only what is around
/// them is judged.
///
/// # Errors
/// As [`parse`].
pub fn parse_outer<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T> {
    // Paths are tracked only when there is an error to explain: it costs, and bodies are mostly right.
    serde_json::from_slice(body).or_else(|_| {
        let mut parser = serde_json::Deserializer::from_slice(body);
        serde_path_to_error::deserialize(&mut parser).map_err(|error| refusal::explain(body, &error))
    })
}
