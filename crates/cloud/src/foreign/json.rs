//! How an item of a foreign table becomes a text, and a place in it.
//!
//! | type | becomes |
//! |---|---|
//! | `S`, `BOOL`, `NULL` | a string, a boolean, null |
//! | `N` | the number exactly as DynamoDB spells it, up to 38 digits |
//! | `B` | a string: its bytes in base64 |
//! | `L`, `M` | a list, an object |
//! | `SS`, `NS`, `BS` | a list, sorted by its texts: a set has no order |
//!
//! Names are in byte order, since an item has no order either: the same item is always the same
//! text.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};

use super::ForeignError;

type Attributes = HashMap<String, AttributeValue>;

/// An item as the text of a JSON object.
pub(super) fn item(attributes: &Attributes) -> Result<String, ForeignError> {
    let mut out = String::with_capacity(256);
    object(attributes, &mut out)?;
    Ok(out)
}

fn object(attributes: &Attributes, out: &mut String) -> Result<(), ForeignError> {
    let mut names: Vec<&String> = attributes.keys().collect();
    names.sort_unstable();
    out.push('{');
    for (n, name) in names.into_iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        out.push_str(&quoted(name));
        out.push(':');
        value(&attributes[name], out)?;
    }
    out.push('}');
    Ok(())
}

fn value(attribute: &AttributeValue, out: &mut String) -> Result<(), ForeignError> {
    match attribute {
        AttributeValue::S(text) => out.push_str(&quoted(text)),
        AttributeValue::N(text) => out.push_str(number(text)?),
        AttributeValue::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        AttributeValue::Null(_) => out.push_str("null"),
        AttributeValue::B(bytes) => out.push_str(&binary(bytes)),
        AttributeValue::M(attributes) => object(attributes, out)?,
        AttributeValue::L(values) => {
            let texts = values.iter().map(|inner| {
                let mut text = String::new();
                value(inner, &mut text).map(|()| text)
            });
            list(&texts.collect::<Result<Vec<_>, _>>()?, out);
        }
        AttributeValue::Ss(texts) => set(texts.iter().map(|text| Ok(quoted(text))), out)?,
        AttributeValue::Ns(texts) => set(texts.iter().map(|text| number(text).map(str::to_owned)), out)?,
        AttributeValue::Bs(blobs) => set(blobs.iter().map(|bytes| Ok(binary(bytes))), out)?,
        _ => return Err(ForeignError::Refused("an attribute has a type that is not known".to_owned())),
    }
    Ok(())
}

fn set(texts: impl Iterator<Item = Result<String, ForeignError>>, out: &mut String) -> Result<(), ForeignError> {
    let mut texts: Vec<String> = texts.collect::<Result<_, _>>()?;
    texts.sort_unstable();
    list(&texts, out);
    Ok(())
}

fn list(texts: &[String], out: &mut String) {
    out.push('[');
    out.push_str(&texts.join(","));
    out.push(']');
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn binary(bytes: &Blob) -> String {
    quoted(&BASE64.encode(bytes.as_ref()))
}

/// DynamoDB spells numbers as JSON does; whatever else came would break the text it stands in.
fn number(text: &str) -> Result<&str, ForeignError> {
    let is_number = serde_json::from_str::<Box<serde_json::value::RawValue>>(text)
        .is_ok_and(|raw| raw.get() == text && text.starts_with(|c: char| c == '-' || c.is_ascii_digit()));
    is_number.then_some(text).ok_or_else(|| ForeignError::Refused("a number is not spelt as one".to_owned()))
}

/// The key of the last item that was read: `{"NAME": ["S" | "N" | "B", TEXT]}`.
pub(super) fn place(key: &Attributes) -> Result<String, ForeignError> {
    let entry = |(name, attribute): (&String, &AttributeValue)| {
        let (kind, text) = match attribute {
            AttributeValue::S(text) => ("S", text.clone()),
            AttributeValue::N(text) => ("N", text.clone()),
            AttributeValue::B(bytes) => ("B", BASE64.encode(bytes.as_ref())),
            _ => return Err(ForeignError::Refused("a key has a type that keys do not have".to_owned())),
        };
        Ok((name.clone(), Value::from(vec![kind.to_owned(), text])))
    };
    Ok(Value::Object(key.iter().map(entry).collect::<Result<Map<_, _>, _>>()?).to_string())
}

/// What [`place`] made.
pub(super) fn place_read(text: &str) -> Result<Attributes, ForeignError> {
    let broken = || ForeignError::Refused("the place to go on from cannot be read".to_owned());
    let entries: HashMap<String, (String, String)> = serde_json::from_str(text).map_err(|_| broken())?;
    let entry = |(name, (kind, text)): (String, (String, String))| {
        let attribute = match kind.as_str() {
            "S" => AttributeValue::S(text),
            "N" => AttributeValue::N(text),
            "B" => AttributeValue::B(Blob::new(BASE64.decode(text).map_err(|_| broken())?)),
            _ => return Err(broken()),
        };
        Ok((name, attribute))
    };
    entries.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> AttributeValue {
        AttributeValue::S(text.to_owned())
    }

    fn bytes(bytes: &[u8]) -> AttributeValue {
        AttributeValue::B(Blob::new(bytes))
    }

    #[test]
    fn every_type_has_one_text() {
        let number = |text: &str| AttributeValue::N(text.to_owned());
        let inner = HashMap::from([("b".to_owned(), AttributeValue::Null(true)), ("a".to_owned(), text(""))]);
        let attributes = HashMap::from([
            ("n".to_owned(), number("12345678901234567890123456789012345678")),
            ("a \"name\".\u{1}".to_owned(), text("é\n")),
            ("list".to_owned(), AttributeValue::L(vec![number("1E-130"), AttributeValue::Bool(false)])),
            ("m".to_owned(), AttributeValue::M(inner)),
            ("bin".to_owned(), bytes(&[0, 255])),
            ("ss".to_owned(), AttributeValue::Ss(vec!["b".to_owned(), "a".to_owned()])),
            ("ns".to_owned(), AttributeValue::Ns(vec!["3".to_owned(), "-1.5".to_owned()])),
            ("bs".to_owned(), AttributeValue::Bs(vec![Blob::new([1])])),
        ]);
        let expected = r#"{"a \"name\".\u0001":"é\n","bin":"AP8=","bs":["AQ=="],"list":[1E-130,false],"m":{"a":"","b":null},"n":12345678901234567890123456789012345678,"ns":[-1.5,3],"ss":["a","b"]}"#;
        assert_eq!(item(&attributes).unwrap(), expected);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for wrong in ["", "NaN", "1,2", "1 ", "+1", "\"1\"", "1}", ".5"] {
            assert!(number(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_place_is_read_back() {
        let key = HashMap::from([
            ("a.b".to_owned(), text("x\"")),
            ("n".to_owned(), AttributeValue::N("1.5".to_owned())),
            ("b".to_owned(), bytes(&[7, 0])),
        ]);
        assert_eq!(place_read(&place(&key).unwrap()).unwrap(), key);
        for wrong in ["", "{}x", r#"{"a":["X","y"]}"#, r#"{"a":["B","*"]}"#] {
            assert!(place_read(wrong).is_err(), "{wrong}");
        }
    }
}
