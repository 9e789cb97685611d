//! What is stored, as text: the model's own fields and the version `v` of their meaning.
//!
//! A field is added with a default; a changed meaning is a new version, read beside the old one.
//! `tests/golden` keeps one text of every version.

use base::store::{Body, Item};
use base::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u32,
    #[serde(flatten)]
    value: T,
}

/// The body of an item that holds `value`.
pub(super) fn encode<T: Serialize>(value: &T) -> Body {
    // Serializing a struct with text keys to a text has no way to fail.
    Body::data(serde_json::to_string(&Versioned { v: VERSION, value }).unwrap_or_default())
}

/// What an item holds.
///
/// # Errors
/// `Internal` for a text that is none of ours, or of a later version.
pub(super) fn decode<T: DeserializeOwned>(item: &Item) -> Result<T> {
    let stored: Versioned<T> = serde_json::from_str(item.data())
        .map_err(|e| Error::internal(format!("unreadable item in {}: {e}", item.key.table.0)))?;
    if stored.v == VERSION {
        Ok(stored.value)
    } else {
        Err(Error::internal(format!("an item in {} has version {}, not {VERSION}", item.key.table.0, stored.v)))
    }
}
