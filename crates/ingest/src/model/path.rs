//! Where in a record a value is.

use std::fmt;
use std::str::FromStr;

use base::Error;
use serde::{Deserialize, Serialize};

/// Names from the top of a record down, written with dots: `credit_card.cc_number`. A leading
/// `$.` is taken and dropped; in arrays a number is a place. `$` alone is the whole. In a name `\.`
/// is a dot, `\$` a dollar sign, and `\\` a backslash.
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
        let steps = split(names);
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
        if self.0.is_empty() {
            return f.write_str("$");
        }
        let escaped = |name: &String| {
            let name = name.replace('\\', "\\\\").replace('.', "\\.");
            if name.starts_with('$') { format!("\\{name}") } else { name }
        };
        f.write_str(&self.0.iter().map(escaped).collect::<Vec<_>>().join("."))
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The names between the dots.
fn split(text: &str) -> Vec<String> {
    let (mut names, mut name) = (Vec::new(), String::new());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '.' => names.push(std::mem::take(&mut name)),
            '\\' => name.push(chars.next_if(|next| matches!(next, '.' | '$' | '\\')).unwrap_or(c)),
            c => name.push(c),
        }
    }
    names.push(name);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_can_be_written_in_a_path() {
        for names in [&["a.b", "c"][..], &["$x"], &["$"], &["a\\.b", "\\"], &["größe #1", "a b"], &["a\\b"]] {
            let path = Path::from_names(names);
            let read: Path = path.to_string().parse().unwrap();
            assert_eq!(read.steps(), names, "{path}");
        }
        let read = |text: &str| text.parse::<Path>().unwrap().steps().to_vec();
        assert_eq!(read("$.a.b"), ["a", "b"]);
        assert_eq!(read(r"a\b.c"), [r"a\b", "c"]);
        assert!("a..b".parse::<Path>().is_err() && ".".parse::<Path>().is_err());
    }
}
