//! What a foreign answer is, by its shape.
//!
//! The status code says little: random-data-api answers 200 with an object that holds only a
//! message when it was asked for too much, and one record without a list around it when it was
//! asked for one. So the shape decides, in this order: a list; an object that has the key of the
//! dataset; an object with a message and no key; anything else is malformed.

use serde_json::value::RawValue;

use super::find::Tree;
use super::scalar::Scalar;
use super::{Path, Rule};

/// What an answer holds.
#[derive(Debug)]
pub enum Shape<'a> {
    /// Records, each as a slice of the answer.
    Records(Vec<&'a RawValue>),
    /// No record, but a message about why.
    Message,
    /// Something else.
    Malformed(String),
}

/// How the answers of one source are read.
#[derive(Clone, Debug)]
pub struct Reader {
    records: Tree,
    key: Tree,
    keys: usize,
    message: Tree,
}

impl Reader {
    /// Reads records at `records`, named by `key`.
    pub fn new(records: &Path, key: &Rule) -> Self {
        let message = Path::from_names(&["message"]);
        Self {
            records: Tree::new([records]),
            key: Tree::new(key.paths()),
            keys: key.paths().len(),
            message: Tree::new([&message]),
        }
    }

    /// The shape of an answer.
    pub fn shape<'a>(&self, text: &'a str) -> Shape<'a> {
        let found = match self.records.find(text) {
            Ok(found) => found,
            Err(error) => return Shape::Malformed(format!("Not JSON: {error}")),
        };
        let Some((_, raw)) = found.first() else { return self.without_records(text) };
        match raw.get().as_bytes().first() {
            Some(b'[') => match serde_json::from_str(raw.get()) {
                Ok(records) => Shape::Records(records),
                Err(error) => Shape::Malformed(format!("Not JSON: {error}")),
            },
            Some(b'{') if self.is_record(raw.get()) => Shape::Records(vec![raw]),
            _ => self.without_records(text),
        }
    }

    fn is_record(&self, text: &str) -> bool {
        if self.keys == 0 {
            return !self.is_message(text);
        }
        let Ok(found) = self.key.find(text) else { return false };
        found.len() >= self.keys && found.iter().all(|(_, raw)| Scalar::parse(raw).is_some())
    }

    fn is_message(&self, text: &str) -> bool {
        text.starts_with('{') && self.message.find(text).is_ok_and(|found| !found.is_empty())
    }

    fn without_records<'a>(&self, text: &str) -> Shape<'a> {
        if self.is_message(text.trim_start()) {
            Shape::Message
        } else {
            Shape::Malformed("Neither records nor a message".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> String {
        let reader = Reader::new(&Path::whole(), &Rule::parse(["id"]).unwrap());
        match reader.shape(text) {
            Shape::Records(records) => format!("{} records", records.len()),
            Shape::Message => "message".to_owned(),
            Shape::Malformed(_) => "malformed".to_owned(),
        }
    }

    #[test]
    fn users_answers_differ_by_size() {
        assert_eq!(shape(r#"[{"id":1},{"id":2}]"#), "2 records");
        assert_eq!(shape(r#" {"id":1,"last_name":"x"} "#), "1 records");
        assert_eq!(shape(r#"{"id":1,"message":"hi"}"#), "1 records");
        assert_eq!(shape(r#"{"message":"Maximum allowed size is 100"}"#), "message");
        assert_eq!(shape("[]"), "0 records");
        for text in ["", "{}", "null", "7", "<html>", "[1", r#"{"id":null}"#, "\"message\""] {
            assert_eq!(shape(text), "malformed", "{text}");
        }
    }

    #[test]
    fn records_may_lie_deeper() {
        let reader = Reader::new(&"data.items".parse().unwrap(), &Rule::Row);
        assert!(matches!(reader.shape(r#"{"data":{"items":[1,2]}}"#), Shape::Records(records) if records.len() == 2));
        assert!(matches!(reader.shape(r#"{"message":"no"}"#), Shape::Message));
        assert!(matches!(reader.shape(r#"{"data":{}}"#), Shape::Malformed(_)));
    }
}
