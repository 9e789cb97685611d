//! Where in a record a value is.

use std::fmt;
use std::str::FromStr;

use base::Error;
use serde::{Deserialize, Serialize};

/// Names from the top of a record down, written with dots: `credit_card.cc_number`. A leading
/// `$.` is taken and dropped; in arrays a number is a place. `$` alone is the whole.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Path(Vec<String>);

/// The longest path, in bytes.
const BYTES_MAX: usize = 255;
/// No record is deeper than this.
const STEPS_MAX: usize = 32;

impl Path {
    /// The whole value.
    pub const fn whole() -> Self {
        Self(Vec::new())
    }

    /// The path of these names.
    pub fn from_names(names: &[&str]) -> Self {
        Self(names.iter().map(|name| (*name).to_owned()).collect())
    }

    /// The names, from the top.
    pub fn steps(&self) -> &[String] {
        &self.0
    }

    /// Whether one of the two is the other or lies in it.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(one, two)| one == two)
    }
}

impl FromStr for Path {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let names = text.strip_prefix("$.").or_else(|| text.strip_prefix('$')).unwrap_or(text);
        if text == "$" {
            return Ok(Self::whole());
        }
        let steps: Vec<String> = names.split('.').map(str::to_owned).collect();
        let named = steps.iter().all(|step| !step.is_empty() && !step.contains(char::is_control));
        if named && steps.len() <= STEPS_MAX && text.len() <= BYTES_MAX {
            Ok(Self(steps))
        } else {
            Err(Error::invalid("path", "A path is names joined by dots, such as address.city, up to 255 bytes"))
        }
    }
}

impl TryFrom<String> for Path {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Path> for String {
    fn from(path: Path) -> Self {
        path.to_string()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("$") } else { f.write_str(&self.0.join(".")) }
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
