//! The name of a stream of records.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base::Error;

/// The longest name, in bytes.
pub const NAME_BYTES_MAX: usize = 128;

/// The name of a series: 1 to 128 bytes of printable text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The series of those who name none.
    pub const DEFAULT: &'static str = "default";

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name that was given, or `default`.
    ///
    /// # Errors
    /// `Invalid`, naming `name`.
    pub fn or_default(text: Option<&str>) -> Result<Self, Error> {
        text.unwrap_or(Self::DEFAULT).parse()
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let printable = !text.contains(char::is_control) && text.trim() == text;
        // The two names that a path cannot hold.
        if printable && (1..=NAME_BYTES_MAX).contains(&text.len()) && !matches!(text, "." | "..") {
            Ok(Self(text.into()))
        } else {
            let text = "A series' name is 1 to 128 bytes of printable text without spaces at its ends";
            Err(Error::invalid("name", text))
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
