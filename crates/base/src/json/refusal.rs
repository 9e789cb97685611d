//! Says why a body does not fit a type, without saying what was in it.
//!
//! serde's errors are sentences that begin with the value and end with what was expected. Only the
//! end is ours. What `try_from` says comes as it was written: our types write sentences that begin
//! with a capital and are for the client, other crates' types write fragments for the programmer,
//! some with pieces of what they read. A fragment is replaced, and so is a sentence that quotes, or
//! that holds the value.

use serde_json::Error as SerdeError;
use serde_path_to_error::{Path, Segment};

use super::{pick, text};
use crate::id::shown;
use crate::{Error, ErrorKind};

/// The refusal of a body that is valid JSON.
pub(super) fn explain(body: &[u8], error: &serde_path_to_error::Error<SerdeError>) -> Error {
    let said = error.inner().to_string();
    let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
    let mut path = dotted(error.path());
    let (kind, message) = if let Some(name) = said.strip_prefix("missing field ") {
        path.push(name.trim_matches('`').to_owned());
        ("missing", "This field is required".to_owned())
    } else if said.starts_with("unknown field ") {
        ("unknown_field", allowed(said, "There is no such field"))
    } else if said.starts_with("unknown variant ") {
        ("value_error", allowed(said, "There is no such value"))
    } else if said.starts_with("invalid ") && said.contains(", expected ") {
        let kind = if said.starts_with("invalid type") { "type_error" } else { "value_error" };
        (kind, format!("Expected {}", plain(expected(said))))
    } else if is_sentence(said) && !holds(said, body, &path.join(".")) {
        ("value_error", said.to_owned())
    } else {
        ("value_error", "This value is not allowed here".to_owned())
    };
    let field = if path.is_empty() { "body".to_owned() } else { path.join(".") };
    Error::new(ErrorKind::Invalid, "The body is not what is expected").with_detail(kind, field, message)
}

/// What a value itself cannot forge: the sentence after the last ", expected ".
fn expected(said: &str) -> &str {
    said.rsplit_once(", expected ").map_or("", |(_, expected)| expected)
}

fn allowed(said: &str, otherwise: &str) -> String {
    let names = expected(said).trim_start_matches("one of ").replace('`', "");
    if names.is_empty() { otherwise.to_owned() } else { format!("{otherwise}. Allowed: {names}") }
}

/// serde speaks of Rust's types; the client does not.
fn plain(expected: &str) -> String {
    let integer = |least: &str, most: &str| format!("a whole number from {least} to {most}");
    match expected {
        "i8" => integer("-128", "127"),
        "i16" => integer("-32768", "32767"),
        "i32" => integer("-2147483648", "2147483647"),
        "i64" => integer("-9223372036854775808", "9223372036854775807"),
        "u8" => integer("0", "255"),
        "u16" => integer("0", "65535"),
        "u32" => integer("0", "4294967295"),
        "u64" | "usize" => integer("0", "18446744073709551615"),
        "a nonzero u8" => integer("1", "255"),
        "a nonzero u16" => integer("1", "65535"),
        "a nonzero u32" => integer("1", "4294967295"),
        "a nonzero u64" | "a nonzero usize" => integer("1", "18446744073709551615"),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" | "a borrowed string" | "a string key" => "a text".to_owned(),
        "a sequence" => "an array".to_owned(),
        "a map" => "an object".to_owned(),
        _ if expected.starts_with("struct ") || expected.starts_with("internally tagged enum ") => {
            "an object".to_owned()
        }
        _ if expected.starts_with("tuple ") => "an array".to_owned(),
        _ if expected.starts_with("enum ") => "one of the allowed values".to_owned(),
        _ => expected.replace('`', ""),
    }
}

/// Whether it was written for the client, and quotes nothing.
fn is_sentence(said: &str) -> bool {
    said.starts_with(|first: char| first.is_uppercase()) && !said.contains(['"', '\'', '`'])
}

/// Whether the message holds what the body has at this place.
fn holds(said: &str, body: &[u8], path: &str) -> bool {
    let body = std::str::from_utf8(body).unwrap_or_default();
    let value = if path.is_empty() { Some(body) } else { pick(body, path).map(|value| value.get()) };
    value.is_none_or(|value| said.contains(text(value).as_deref().unwrap_or(value)))
}

fn dotted(path: &Path) -> Vec<String> {
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => index.to_string(),
        Segment::Map { key } => shown(key),
        Segment::Enum { variant } => shown(variant),
        Segment::Unknown => "?".to_owned(),
    };
    path.iter().map(step).collect()
}
