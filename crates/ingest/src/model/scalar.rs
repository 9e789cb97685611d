//! A value that can name or order a record, and the text that sorts as it does.
//!
//! Numbers are compared by value, exactly, whatever their spelling ([`Decimal`]).

use std::borrow::Cow;

use base::Decimal;
use base::key::KeyPart as _;
use serde_json::value::RawValue;

/// A string, a number or a truth value of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// Text, without its quotes and escapes.
    Str(Cow<'a, str>),
    /// An exact decimal.
    Num(Decimal),
    /// Yes or no.
    Bool(bool),
}

impl<'a> Scalar<'a> {
    /// The scalar that a JSON value is; `None` for null, objects, arrays, and numbers whose
    /// exponent is beyond reason.
    pub fn parse(raw: &'a RawValue) -> Option<Self> {
        let text = raw.get();
        match text.as_bytes().first()? {
            b'"' => {
                let inner = &text[1..text.len() - 1];
                let plain = !inner.contains('\\');
                let string =
                    if plain { Cow::Borrowed(inner) } else { serde_json::from_str::<String>(text).ok()?.into() };
                Some(Self::Str(string))
            }
            b't' => Some(Self::Bool(true)),
            b'f' => Some(Self::Bool(false)),
            b'-' | b'0'..=b'9' => Decimal::parse(text).map(Self::Num),
            _ => None,
        }
    }

    /// The text that names a record by this value: `6207` for `6207.0` and for `"6207"`.
    pub fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Str(text) => Cow::Borrowed(text),
            Self::Num(number) => Cow::Owned(number.to_string()),
            Self::Bool(yes) => Cow::Borrowed(if *yes { "true" } else { "false" }),
        }
    }

    /// Appends a part of a sort key: truth values before numbers before strings, each by value.
    pub fn encode(&self, out: &mut String) {
        match self {
            Self::Bool(yes) => out.push_str(if *yes { "b1" } else { "b0" }),
            Self::Num(number) => number.encode(out),
            Self::Str(text) => {
                out.push(STRING);
                text.as_ref().encode(out);
            }
        }
    }
}

/// Begins the part of a sort key that is a string.
const STRING: char = 's';

/// What the sort keys of all strings that begin with `prefix` begin with.
pub fn string_prefix(prefix: &str) -> String {
    let mut out = String::from(STRING);
    prefix.encode(&mut out);
    out
}
