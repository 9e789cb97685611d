//! One URI picks a backend.
//!
//! The schemes of shared backends are known here, so that somebody who configures one reads that
//! this build does not have it, and not that the scheme is a typing error.

use std::path::{Path, PathBuf};

/// The file of a `sqlite:` store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorePath(PathBuf);

impl StorePath {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl From<PathBuf> for StorePath {
    fn from(path: PathBuf) -> Self {
        Self(path)
    }
}

const SHARED: [&str; 5] = ["dynamodb", "sqs", "redis", "rediss", "unix"];

/// The store of a URI: `sqlite:PATH`.
///
/// # Errors
/// What is allowed.
pub fn store(text: &str) -> Result<StorePath, String> {
    let path = text.strip_prefix("sqlite:").ok_or_else(|| refusal(text, "sqlite:PATH"))?;
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.starts_with(':') || path.contains('?') {
        return Err("sqlite: and the path of a file, such as sqlite:freight.db or sqlite:/var/lib/freight/freight.db"
            .to_owned());
    }
    Ok(StorePath(path.into()))
}

/// The queue of a URI: `local:`.
///
/// # Errors
/// What is allowed.
pub fn queue(text: &str) -> Result<(), String> {
    local(text)
}

/// The cache of a URI: `local:`.
///
/// # Errors
/// What is allowed.
pub fn cache(text: &str) -> Result<(), String> {
    local(text)
}

fn local(text: &str) -> Result<(), String> {
    if text == "local:" { Ok(()) } else { Err(refusal(text, "local:")) }
}

fn refusal(text: &str, allowed: &str) -> String {
    match text.split_once(':') {
        Some((scheme, _)) if SHARED.contains(&scheme) => {
            format!("{allowed}, since this build has no cloud backend yet and cannot use {scheme}:")
        }
        _ => allowed.to_owned(),
    }
}
