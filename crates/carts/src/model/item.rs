//! What lies in a cart, and what names it.
//!
//! The id of an item is made of what it names and of nothing else, so the same thing is the same item
//! in every cart, and equal carts hold equal ids.

use std::fmt;
use std::str::FromStr;

use base::Error;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// The longest parts of an entity, in characters.
pub const TYPE_CHARS_MAX: usize = 63;
/// The longest id of an entity, in characters.
pub const ID_CHARS_MAX: usize = 512;
/// The longest version of an entity, in characters.
pub const VERSION_CHARS_MAX: usize = 128;
/// The largest attributes, in bytes.
pub const ATTRIBUTES_BYTES_MAX: usize = 256 << 10;
/// The first digits of ids: items are kept apart by them.
pub const DIGITS: &str = "0123456789abcdef";

/// What an item names: a record somewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entity {
    /// Of what type; the name of a dataset, if it is a record of one.
    pub entity_type: String,
    /// Which one.
    pub entity_id: String,
    /// Which version of it.
    pub entity_version: Option<String>,
}

impl Entity {
    /// What somebody names.
    ///
    /// # Errors
    /// `Invalid`, naming the field.
    pub fn new(entity_type: &str, entity_id: &str, entity_version: Option<&str>) -> Result<Self, Error> {
        text("entity_type", entity_type, TYPE_CHARS_MAX)?;
        text("entity_id", entity_id, ID_CHARS_MAX)?;
        entity_version.map_or(Ok(()), |version| text("entity_version", version, VERSION_CHARS_MAX))?;
        let entity_version = entity_version.map(str::to_owned);
        Ok(Self { entity_type: entity_type.to_owned(), entity_id: entity_id.to_owned(), entity_version })
    }

    /// The id of its item: SHA-256 over type, id and version, each behind its length in bytes as
    /// eight bytes, the largest first; a version that is not there is as one of no length.
    pub fn id(&self) -> ItemId {
        let mut hasher = Sha256::new();
        for part in [&self.entity_type, &self.entity_id, self.entity_version.as_ref().unwrap_or(&String::new())] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        ItemId(hex(&hasher.finalize()))
    }
}

fn text(field: &str, text: &str, most: usize) -> Result<(), Error> {
    if (1..=most).contains(&text.chars().count()) && !text.contains(char::is_control) {
        return Ok(());
    }
    Err(Error::invalid(field, format!("Must be 1 to {most} characters, none of them a control character")))
}

/// The id of an item: 64 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(String);

impl ItemId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its first digit.
    pub fn digit(&self) -> &str {
        self.0.get(..1).unwrap_or_default()
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ItemId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::invalid("item_id", "The id of an item is 64 hex digits in lower case"))
    }
}

/// Something in a cart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its id: that of its entity.
    pub id: ItemId,
    /// What it names.
    pub entity: Entity,
    /// What was said of it: a JSON object, exactly as it was sent.
    pub attributes: Option<String>,
    /// SHA-256 of the attributes.
    pub content_hash: Option<String>,
    /// When it was first added.
    pub added_at: Timestamp,
}

impl Item {
    /// An item of an entity.
    ///
    /// # Errors
    /// `Invalid` when the attributes are no object, or too large.
    pub fn new(entity: Entity, attributes: Option<&str>, added_at: Timestamp) -> Result<Self, Error> {
        if attributes.is_some_and(|text| !text.starts_with('{') || text.len() > ATTRIBUTES_BYTES_MAX) {
            let why = format!("Must be a JSON object of at most {ATTRIBUTES_BYTES_MAX} bytes");
            return Err(Error::invalid("attributes", why));
        }
        Ok(Self {
            id: entity.id(),
            entity,
            content_hash: attributes.map(|text| hex(&Sha256::digest(text.as_bytes()))),
            attributes: attributes.map(str::to_owned),
            added_at,
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(DIGITS.as_bytes()[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(entity_type: &str, entity_id: &str, version: Option<&str>) -> String {
        Entity::new(entity_type, entity_id, version).unwrap().id().to_string()
    }

    /// What `printf '\0\0\0\0\0\0\0\7flights\0\0\0\0\0\0\0\00242\0\0\0\0\0\0\0\0' | sha256sum` prints.
    const HASH: &str = "cffdaab578fc2a4b2408793f40e1122b609d7a70ac8b82850dcc1bbb64fc2436";

    #[test]
    fn an_id_is_the_hash_of_its_parts_and_their_lengths() {
        assert_eq!(id("flights", "42", None), HASH);
        let all = [id("a", "bc", None), id("ab", "c", None), id("a", "b", Some("c")), id("a", "bc", Some("1"))];
        assert!((1..all.len()).all(|n| !all[..n].contains(&all[n])));
    }

    #[test]
    fn what_cannot_be_named_is_refused_by_its_field() {
        let fault = |entity: Result<Entity, Error>| entity.unwrap_err().details()[0].field.clone();
        assert_eq!(fault(Entity::new("", "1", None)), "entity_type");
        assert_eq!(fault(Entity::new(&"x".repeat(64), "1", None)), "entity_type");
        assert_eq!(fault(Entity::new("a", &"x".repeat(513), None)), "entity_id");
        assert_eq!(fault(Entity::new("a", "1\n", None)), "entity_id");
        assert_eq!(fault(Entity::new("a", "1", Some(""))), "entity_version");
    }
}
