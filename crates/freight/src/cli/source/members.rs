//! A record's members as they were written: no number is read on its way to the server.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON text.
pub(super) type Text = Box<RawValue>;

/// The members of an object in their order, those of one name too: the server says what it thinks of them.
#[derive(Debug, Default)]
pub(super) struct Members(pub(super) Vec<(String, Text)>);

impl Members {
    /// Takes a member out.
    pub(super) fn remove(&mut self, name: &str) -> Option<Text> {
        let at = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.remove(at).1)
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, text)| (name, text)))
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = object.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A number as it is written if the text is one, else the text.
pub(super) fn number_or_text(text: &str) -> Text {
    let number = serde_json::from_str::<serde_json::Number>(text).is_ok();
    let number = number.then(|| RawValue::from_string(text.to_owned()).ok()).flatten();
    number.unwrap_or_else(|| quoted(text))
}

/// A text as a JSON string.
pub(super) fn quoted(text: &str) -> Text {
    serde_json::value::to_raw_value(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Members, number_or_text};

    #[test]
    fn members_stay_as_they_were_written() {
        for text in [r#"{"b":1.10,"a":12345678901234567890123,"a":[1e2]}"#, r#"{"a":{"x":-0.0}}"#, "{}"] {
            let members: Members = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&members).unwrap(), text);
        }
        assert!(serde_json::from_str::<Members>("[1]").is_err());
    }

    #[test]
    fn what_is_no_number_is_a_text() {
        for (text, expected) in [
            ("1.10", "1.10"),
            (" 7", "7"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("1e999", r#""1e999""#),
            ("0x1", r#""0x1""#),
            ("a\"b", r#""a\"b""#),
        ] {
            assert_eq!(number_or_text(text).get(), expected);
        }
    }
}
