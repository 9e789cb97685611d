//! Finds values in JSON text, as text.
//!
//! Every value that is given back is a piece of the text that was given: `12345678901234567890.10`
//! has all its digits, `1e5` is not `100000.0`, and members are in the order they were written in.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The value at a dotted path: names of members, and positions in arrays, from 0.
///
/// `None` when there is no such value. A name that has a dot in it cannot be reached.
///
/// ```
/// let record = r#"{"id": 6207, "card": {"numbers": [12345678901234567890.10, 1e5]}}"#;
/// let number = base::json::pick(record, "card.numbers.0").unwrap();
/// assert_eq!(number.get(), "12345678901234567890.10");
/// ```
pub fn pick<'a>(raw: &'a str, path: &str) -> Option<&'a RawValue> {
    let mut here: &'a RawValue = serde_json::from_str(raw).ok()?;
    for step in path.split('.') {
        here = match here.get().as_bytes().first()? {
            b'{' => member(here.get(), step)?,
            b'[' => elements(here.get())?.get(step.parse::<usize>().ok()?).copied()?,
            _ => return None,
        };
    }
    Some(here)
}

/// The members of an object, in the order they were written in; `None` when it is none.
pub fn members(raw: &str) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    let mut parser = serde_json::Deserializer::from_str(raw);
    let members = parser.deserialize_map(Members).ok()?;
    parser.end().is_ok().then_some(members)
}

/// The elements of an array; `None` when it is none.
pub fn elements(raw: &str) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw).ok()
}

/// The text that a JSON string says; `None` when it is no string.
pub fn text(raw: &str) -> Option<Cow<'_, str>> {
    struct Text;
    impl<'a> Visitor<'a> for Text {
        type Value = Cow<'a, str>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text")
        }

        fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Self::Value, E> {
            Ok(Cow::Borrowed(text))
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Cow::Owned(text.to_owned()))
        }
    }
    let mut parser = serde_json::Deserializer::from_str(raw);
    let text = parser.deserialize_str(Text).ok()?;
    parser.end().is_ok().then_some(text)
}

/// The text with the value at `path` replaced by `with`, itself JSON, and nothing else changed;
/// `None` when there is no such value.
pub fn replace(raw: &str, path: &str, with: &str) -> Option<String> {
    let old = pick(raw, path)?.get();
    // A picked value is a piece of `raw`, so the distance of the two is where it begins.
    let start = (old.as_ptr() as usize).checked_sub(raw.as_ptr() as usize)?;
    let (before, rest) = raw.split_at_checked(start)?;
    let after = rest.get(old.len()..)?;
    Some([before, with, after].concat())
}

fn member<'a>(raw: &'a str, name: &str) -> Option<&'a RawValue> {
    serde_json::Deserializer::from_str(raw).deserialize_map(Member(name)).ok()
}

struct Members;

impl<'a> Visitor<'a> for Members {
    type Value = Vec<(Cow<'a, str>, &'a RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = map.next_key::<&RawValue>()? {
            let key = text(key.get()).ok_or_else(|| A::Error::custom("a key is no text"))?;
            members.push((key, map.next_value()?));
        }
        Ok(members)
    }
}

/// Looks for one member and passes over the others without reading them.
struct Member<'n>(&'n str);

impl<'a> Visitor<'a> for Member<'_> {
    type Value = &'a RawValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = map.next_key_seed(Named(self.0))? {
            if is_it {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        found.ok_or_else(|| A::Error::custom("no such member"))
    }
}

/// Whether a key is this name, its escapes resolved.
struct Named<'n>(&'n str);

impl<'a> DeserializeSeed<'a> for Named<'_> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'a>>(self, key: D) -> Result<bool, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Named<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}
