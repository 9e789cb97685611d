//! Identity, place and shard of one record.
//!
//! A record's identity is the text of its key; its place in the order is its sort value, then what
//! its key adds to that. Both come from the record itself by the dataset's [`Layout`], so whoever reads the same
//! text arrives at the same item: that is what makes writing a record again harmless.

use std::fmt;

use base::key::{KeyPart as _, SEPARATOR};

use super::find::Tree;
use super::scalar::Scalar;
use super::{Path, Rule};

/// Into how many parts the records of a dataset are spread, by a hash of their key.
pub const SHARDS: u8 = 16;
/// The longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 256;
/// The longest place: what a sort key of the store may take.
const PLACE_BYTES_MAX: usize = base::store::SORT_BYTES_MAX;
/// The largest record: an item of the store, less its keys.
pub const RECORD_BYTES_MAX: usize = base::store::ITEM_BYTES_MAX - 8 * 1024;

/// A record that can be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its identity.
    pub key: String,
    /// Its place in the order: a sort key of the store.
    pub place: String,
    /// The record's own text, exactly, on one line.
    pub text: String,
    /// A hash of the key, which also says where it lives.
    pub hash: u64,
}

impl Record {
    /// Which shard it lives in.
    pub fn shard(&self) -> u8 {
        shard_of(self.hash)
    }
}

/// The shard of a key.
pub fn shard(key: &str) -> u8 {
    shard_of(hash(key))
}

fn hash(key: &str) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&blake3::hash(key.as_bytes()).as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}

/// Never changed: records are found where it says.
fn shard_of(hash: u64) -> u8 {
    u8::try_from(hash % u64::from(SHARDS)).unwrap_or(0)
}

/// Why a record cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The path that is at fault, where it is one.
    pub field: Option<String>,
    /// What is wrong, for the client.
    pub reason: String,
}

impl Malformed {
    /// The record as a whole is wrong.
    pub fn record(reason: impl Into<String>) -> Self {
        Self { field: None, reason: reason.into() }
    }

    /// One field is wrong.
    pub fn field(path: &impl ToString, reason: impl Into<String>) -> Self {
        Self { field: Some(path.to_string()), reason: reason.into() }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "{field}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

/// How a dataset reads its records.
#[derive(Clone, Debug)]
pub struct Layout {
    paths: Vec<Path>,
    tree: Tree,
    key: Vec<usize>,
    sort: Vec<usize>,
    /// What of the key is not in the sort value, and so decides between equal ones.
    tie: Vec<usize>,
}

impl Layout {
    /// Reads keys and sort values by these rules.
    pub fn new(key: &Rule, sort: &Rule) -> Self {
        let mut paths: Vec<Path> = Vec::new();
        let mut places =
            |rule: &Rule| -> Vec<usize> { rule.paths().iter().map(|path| place_of(&mut paths, path)).collect() };
        let (key, sort) = (places(key), places(sort));
        let tie = key.iter().copied().filter(|place| !sort.contains(place)).collect();
        Self { tree: Tree::new(&paths), paths, key, sort, tie }
    }

    /// As [`record`](Self::record), of a text that nobody has looked at yet: it is validated first.
    ///
    /// # Errors
    /// Also when the text is not the JSON that Freight takes from strangers.
    pub fn stranger(&self, text: &str, row: u64) -> Result<Record, Malformed> {
        check(text)?;
        self.record(text, row)
    }

    /// The record that `text`, a JSON object, is; `row` numbers it where the rule is `$row`.
    ///
    /// # Errors
    /// When it is not an object, has no key or sort value, or is too large.
    pub fn record(&self, text: &str, row: u64) -> Result<Record, Malformed> {
        if !text.starts_with('{') {
            return Err(Malformed::record("A record is a JSON object"));
        }
        if text.len() > RECORD_BYTES_MAX {
            return Err(Malformed::record(format!("A record is at most {RECORD_BYTES_MAX} bytes")));
        }
        let found = self.tree.find(text).map_err(|error| Malformed::record(format!("Not JSON: {error}")))?;
        let value = |place: usize| -> Result<Scalar<'_>, Malformed> {
            let raw = found.iter().find(|(at, _)| *at == place).map(|(_, raw)| *raw);
            raw.and_then(Scalar::parse)
                .ok_or_else(|| Malformed::field(&self.paths[place], "Must be a string, a number or a boolean"))
        };
        let keys = self.key.iter().map(|place| value(*place)).collect::<Result<Vec<_>, _>>()?;
        let key = identity(&keys, row);
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(Malformed::record(format!("A key is 1 to {KEY_BYTES_MAX} bytes")));
        }
        let place = self.place(value, row)?;
        if place.len() > PLACE_BYTES_MAX {
            return Err(Malformed::record(format!("Sort value and key together are at most {PLACE_BYTES_MAX} bytes")));
        }
        Ok(Record { hash: hash(&key), key, place, text: one_line(text) })
    }

    /// The key of a record that is kept, from its text and its place.
    pub fn key(&self, text: &str, place: &str) -> Option<String> {
        if self.key.is_empty() {
            // The row stands first where it orders the records, else last.
            let part =
                if self.sort.is_empty() { place.split(SEPARATOR).next() } else { place.rsplit(SEPARATOR).next() };
            return u64::from_str_radix(part?, 16).ok().map(|row| row.to_string());
        }
        let found = self.tree.find(text).ok()?;
        let value = |place: &usize| found.iter().find(|(at, _)| at == place).and_then(|(_, raw)| Scalar::parse(raw));
        let keys = self.key.iter().map(value).collect::<Option<Vec<_>>>()?;
        Some(identity(&keys, 0))
    }

    /// Sort values, then what the key adds; a row number stands where a rule has no paths.
    fn place<'a>(&self, value: impl Fn(usize) -> Result<Scalar<'a>, Malformed>, row: u64) -> Result<String, Malformed> {
        let mut out = String::with_capacity(64);
        if self.sort.is_empty() {
            row.encode(&mut out);
            out.push(SEPARATOR);
        }
        for place in self.sort.iter().chain(&self.tie) {
            value(*place)?.encode(&mut out);
            out.push(SEPARATOR);
        }
        if self.key.is_empty() && !self.sort.is_empty() {
            row.encode(&mut out);
            out.push(SEPARATOR);
        }
        out.pop();
        Ok(out)
    }
}

/// Refuses a text that is not the JSON that Freight takes from strangers.
///
/// # Errors
/// What is wrong, and at which path.
pub fn check(text: &str) -> Result<(), Malformed> {
    base::json::validate(text.as_bytes()).map_err(|error| match error.details().first() {
        Some(detail) if !detail.field.is_empty() => Malformed::field(&detail.field, &detail.message),
        Some(detail) => Malformed::record(&detail.message),
        None => Malformed::record(error.message()),
    })
}

fn place_of(paths: &mut Vec<Path>, path: &Path) -> usize {
    paths.iter().position(|known| known == path).unwrap_or_else(|| {
        paths.push(path.clone());
        paths.len() - 1
    })
}

/// The text of a key: of several values joined by commas, those inside them escaped.
fn identity(keys: &[Scalar<'_>], row: u64) -> String {
    match keys {
        [] => row.to_string(),
        [one] => one.name().into_owned(),
        several => {
            let escaped = |value: &Scalar<'_>| value.name().replace('\\', "\\\\").replace(',', "\\,");
            several.iter().map(escaped).collect::<Vec<_>>().join(",")
        }
    }
}

/// The same JSON without line breaks between its tokens: a row of NDJSON is one line. Text that
/// has none is untouched.
fn one_line(text: &str) -> String {
    if !text.bytes().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        if quoted || !c.is_ascii_whitespace() {
            out.push(c);
        }
        quoted ^= c == '"' && !escaped;
        escaped = quoted && c == '\\' && !escaped;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(key: &str, sort: &str) -> Layout {
        Layout::new(&Rule::parse_text(key).unwrap(), &Rule::parse_text(sort).unwrap())
    }

    #[test]
    fn the_text_of_a_record_is_kept_exactly() {
        let text =
            r#"{"z":1.10,"id":12345678901234567890123456789012345678,"a":{"x":-0.0, "y":1E5},"last_name":"é\u0041"}"#;
        let record = layout("id", "last_name").record(text, 1).unwrap();
        assert_eq!(record.text, text);
        assert_eq!(record.key, "12345678901234567890123456789012345678");
    }

    #[test]
    fn a_record_on_several_lines_becomes_one_and_loses_nothing_else() {
        let text = "{\n  \"id\": 1,\r\n  \"n\": \"a b\\\" c\"\n}";
        assert_eq!(layout("id", "n").record(text, 1).unwrap().text, r#"{"id":1,"n":"a b\" c"}"#);
    }

    #[test]
    fn records_without_key_or_sort_name_the_path() {
        let both = layout("id", "name.last");
        let fault = |text: &str| both.record(text, 1).unwrap_err().field;
        assert_eq!(fault(r#"{"name":{"last":"x"}}"#).as_deref(), Some("id"));
        assert_eq!(fault(r#"{"id":null,"name":{"last":"x"}}"#).as_deref(), Some("id"));
        assert_eq!(fault(r#"{"id":1,"name":"x"}"#).as_deref(), Some("name.last"));
        assert_eq!(fault(r#"{"id":1,"name":{"last":["x"]}}"#).as_deref(), Some("name.last"));
        assert_eq!(fault("[1]"), None);
    }

    #[test]
    fn keys_of_several_paths_cannot_be_mixed_up() {
        let two = layout("a,b", "a");
        let key = |text: &str| two.record(text, 1).unwrap().key;
        assert_eq!(key(r#"{"a":"x","b":7}"#), "x,7");
        assert_ne!(key(r#"{"a":"x,y","b":"z"}"#), key(r#"{"a":"x","b":"y,z"}"#));
        assert_ne!(key(r#"{"a":"x\\","b":"y"}"#), key(r#"{"a":"x","b":"\\y"}"#));
    }

    #[test]
    fn rows_number_records_without_names_of_their_own() {
        let rows = layout("$row", "$row");
        let (ninth, tenth) = (rows.record("{}", 9).unwrap(), rows.record("{}", 10).unwrap());
        assert_eq!((ninth.key.as_str(), tenth.key.as_str()), ("9", "10"));
        assert!(ninth.place < tenth.place);
    }

    #[test]
    fn the_key_of_a_kept_record_is_found_again() {
        let text = r#"{"a":"x,1","b":7.0,"c":-2}"#;
        for (key, sort) in [("b", "a"), ("a,b", "c"), ("$row", "$row"), ("$row", "a,c"), ("b", "$row"), ("c,a", "a")] {
            let layout = layout(key, sort);
            let record = layout.record(text, 4711).unwrap();
            assert_eq!(layout.key(&record.text, &record.place), Some(record.key), "{key} {sort}");
        }
    }

    #[test]
    fn a_value_that_is_both_key_and_sort_value_stands_in_the_place_once() {
        let place = |sort: &str| layout("a,b", sort).record(r#"{"a":"x","b":"y"}"#, 1).unwrap().place;
        let once = base::key!["sx", "sy"];
        assert_eq!((place("a"), place("a,b"), place("b,a")), (once.clone(), once, base::key!["sy", "sx"]));
    }

    #[test]
    fn ties_go_by_the_value_of_the_key() {
        let users = layout("id", "last_name");
        let place = |id: u32| users.record(&format!(r#"{{"id":{id},"last_name":"Metz"}}"#), 1).unwrap().place;
        assert!(place(9) < place(10));
    }
}
