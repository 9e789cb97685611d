//! What a token says, typed. A claim of the wrong type is wrong; it is never taken for an absent one.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Flaw;

/// Later than this no date of a token can be: the year 9999.
const SECONDS_MAX: f64 = 253_402_300_799.0;

/// The claims of a token.
#[derive(Clone, Debug)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Claims that were read from anywhere.
    pub fn of(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// A text that must be there and not be empty.
    ///
    /// # Errors
    /// `Claim`.
    pub fn text(&self, name: &str) -> Result<&str, Flaw> {
        self.text_if_any(name)?.ok_or(Flaw::Claim)
    }

    /// A text that may be absent, but not empty.
    ///
    /// # Errors
    /// `Claim`.
    pub fn text_if_any(&self, name: &str) -> Result<Option<&str>, Flaw> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => Err(Flaw::Claim),
        }
    }

    /// An instant that must be there.
    ///
    /// # Errors
    /// `Claim`.
    pub fn instant(&self, name: &str) -> Result<Timestamp, Flaw> {
        self.instant_if_any(name)?.ok_or(Flaw::Claim)
    }

    /// An instant that may be absent: seconds, which may have a fraction (RFC 7519, 2).
    ///
    /// # Errors
    /// `Claim`.
    pub fn instant_if_any(&self, name: &str) -> Result<Option<Timestamp>, Flaw> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let seconds = value.as_f64().filter(|seconds| (1.0..=SECONDS_MAX).contains(seconds)).ok_or(Flaw::Claim)?;
        #[expect(clippy::cast_possible_truncation, reason = "it is in the range that was just checked")]
        Timestamp::from_microsecond((seconds * 1e6) as i64).map(Some).map_err(|_| Flaw::Claim)
    }

    /// The words of a text; none when it is absent or empty.
    ///
    /// # Errors
    /// `Claim`.
    pub fn words(&self, name: &str) -> Result<Vec<&str>, Flaw> {
        match self.0.get(name) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(text.split_ascii_whitespace().collect()),
            Some(_) => Err(Flaw::Claim),
        }
    }

    /// A list of texts, or one text that stands for a list of one; empty when absent.
    ///
    /// # Errors
    /// `Claim`.
    pub fn texts(&self, name: &str) -> Result<Vec<&str>, Flaw> {
        match self.0.get(name) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text]),
            Some(Value::Array(items)) => items.iter().map(|item| item.as_str().ok_or(Flaw::Claim)).collect(),
            Some(_) => Err(Flaw::Claim),
        }
    }
}
