//! How an item looks in its table.
//!
//! | attribute | holds |
//! |---|---|
//! | `pk`, `sk` | the partition and the sort key |
//! | `version` | the stamp, 16 bytes; an item of another program has none |
//! | `data` | the text, untouched |
//! | `f.NAME` | the field `NAME`: a whole number, a text, or a boolean |
//! | `expires` | the instant of expiry in microseconds: what we judge by |
//! | `ttl` | the same in whole seconds, rounded up: what DynamoDB removes by, some day |
//!
//! The prefix keeps a field called `data` apart from the data. DynamoDB keeps numbers of 38 digits,
//! so a sum of counters may leave `i64` there; it is read as the nearest `i64`.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base::store::{Body, Field, Item, Key, StoreError, Table, Version};
use jiff::Timestamp;
use uuid::Uuid;

/// The attribute of the partition key, a text.
pub const PARTITION: &str = "pk";
/// The attribute of the sort key, a text.
pub const SORT: &str = "sk";
pub(super) const VERSION: &str = "version";
pub(super) const DATA: &str = "data";
pub(super) const EXPIRES: &str = "expires";
/// The attribute by which expired items are removed, in seconds since 1970.
pub const TTL: &str = "ttl";
const FIELD: &str = "f.";

/// The attributes of an item.
pub(super) type Attributes = HashMap<String, AttributeValue>;

/// The attribute of a field.
pub(super) fn field_name(field: &str) -> String {
    format!("{FIELD}{field}")
}

pub(super) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(super) fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(super) fn stamp(version: Version) -> AttributeValue {
    AttributeValue::B(Blob::new(version.0.as_bytes()))
}

pub(super) fn field(value: &Field) -> AttributeValue {
    match value {
        Field::Int(value) => number(*value),
        Field::Str(value) => text(value),
        Field::Bool(value) => AttributeValue::Bool(*value),
    }
}

/// The attributes that name a place.
pub(super) fn key(key: &Key) -> Attributes {
    HashMap::from([(PARTITION.to_owned(), text(&key.partition)), (SORT.to_owned(), text(&key.sort))])
}

/// The whole item as it is put.
pub(super) fn encode(place: &Key, body: &Body, version: Version) -> Attributes {
    let mut attributes = key(place);
    attributes.insert(VERSION.to_owned(), stamp(version));
    if let Some(data) = &body.data {
        attributes.insert(DATA.to_owned(), text(data));
    }
    if let Some(expires) = body.expires {
        let micros = expires.as_microsecond();
        attributes.insert(EXPIRES.to_owned(), number(micros));
        attributes.insert(TTL.to_owned(), number(micros.div_euclid(1_000_000).saturating_add(1)));
    }
    attributes.extend(body.fields.iter().map(|(name, value)| (field_name(name), field(value))));
    attributes
}

/// The item of these attributes, expired or not.
///
/// # Errors
/// `Damaged`, for what no program of ours can have written.
pub(super) fn decode(table: Table, mut attributes: Attributes) -> Result<Item, StoreError> {
    let key = place(table, &mut attributes)?;
    let damaged = |what: &str| StoreError::Damaged(format!("{} {:?} {:?}: {what}", table.0, key.partition, key.sort));
    let version = match attributes.remove(VERSION) {
        Some(AttributeValue::B(bytes)) => {
            let stamp = Uuid::from_slice(bytes.as_ref()).map_err(|_| damaged(VERSION))?;
            Some(Version(stamp))
        }
        Some(_) => return Err(damaged(VERSION)),
        None => None,
    };
    let data = match attributes.remove(DATA) {
        Some(AttributeValue::S(data)) => Some(data),
        Some(_) => return Err(damaged(DATA)),
        None => None,
    };
    let expires = expiry(&attributes).map_err(|()| damaged(EXPIRES))?;
    let mut body = Body { data, expires, ..Body::default() };
    for (name, value) in attributes {
        if let Some(name) = name.strip_prefix(FIELD) {
            body.fields.insert(name.to_owned(), scalar(value).ok_or_else(|| damaged(name))?);
        }
    }
    Ok(Item { key, version, body })
}

/// The place that attributes name.
pub(super) fn place(table: Table, attributes: &mut Attributes) -> Result<Key, StoreError> {
    let mut part = |name: &str| match attributes.remove(name) {
        Some(AttributeValue::S(text)) => Ok(text),
        _ => Err(StoreError::Damaged(format!("{}: an item without {name}", table.0))),
    };
    Ok(Key { table, partition: part(PARTITION)?, sort: part(SORT)? })
}

fn expiry(attributes: &Attributes) -> Result<Option<Timestamp>, ()> {
    match attributes.get(EXPIRES) {
        Some(AttributeValue::N(micros)) => {
            let micros = micros.parse().map_err(drop)?;
            Timestamp::from_microsecond(micros).map(Some).map_err(drop)
        }
        Some(_) => Err(()),
        None => Ok(None),
    }
}

fn scalar(value: AttributeValue) -> Option<Field> {
    Some(match value {
        AttributeValue::N(number) => {
            let exact: i128 = number.parse().ok()?;
            Field::Int(i64::try_from(exact).unwrap_or(if exact < 0 { i64::MIN } else { i64::MAX }))
        }
        AttributeValue::S(text) => Field::Str(text),
        AttributeValue::Bool(value) => Field::Bool(value),
        _ => return None,
    })
}

/// Whether an item is there to who looks now.
pub(super) fn is_present(item: &Item, now: Timestamp) -> bool {
    item.body.expires.is_none_or(|expires| now < expires)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands in tables already: a later form has to read it as it is.
    #[test]
    fn an_item_looks_as_it_always_has() {
        let key = Key::new(Table("t"), "acme", "s");
        let expires = Timestamp::from_microsecond(1_772_366_400_000_001).unwrap();
        let body = Body::data("[1.0]").with("n", -7).with("data", "x").with("yes", true).expiring(expires);
        let version = Version(Uuid::from_u128(1));
        let kept = HashMap::from([
            ("pk".to_owned(), AttributeValue::S("acme".to_owned())),
            ("sk".to_owned(), AttributeValue::S("s".to_owned())),
            ("version".to_owned(), AttributeValue::B(Blob::new(1_u128.to_be_bytes()))),
            ("data".to_owned(), AttributeValue::S("[1.0]".to_owned())),
            ("expires".to_owned(), AttributeValue::N("1772366400000001".to_owned())),
            ("ttl".to_owned(), AttributeValue::N("1772366401".to_owned())),
            ("f.n".to_owned(), AttributeValue::N("-7".to_owned())),
            ("f.data".to_owned(), AttributeValue::S("x".to_owned())),
            ("f.yes".to_owned(), AttributeValue::Bool(true)),
        ]);
        assert_eq!(encode(&key, &body, version), kept);
        assert_eq!(decode(key.table, kept), Ok(Item { key, version: Some(version), body }));
    }

    #[test]
    fn what_no_program_of_ours_wrote_is_an_error_or_has_no_stamp() {
        let place = || key(&Key::new(Table("t"), "acme", "s"));
        let foreign = decode(Table("t"), place()).unwrap();
        assert_eq!((foreign.version, foreign.body), (None, Body::default()));
        let wrong = [
            ("version", AttributeValue::S("1".to_owned())),
            ("data", AttributeValue::Bool(true)),
            ("expires", AttributeValue::S("soon".to_owned())),
            ("f.n", AttributeValue::N("1.5".to_owned())),
            ("f.l", AttributeValue::L(Vec::new())),
        ];
        for (name, value) in wrong {
            let mut attributes = place();
            attributes.insert(name.to_owned(), value);
            let read = decode(Table("t"), attributes);
            assert!(matches!(&read, Err(StoreError::Damaged(what)) if !what.is_empty()), "{name}: {read:?}");
        }
    }
}
