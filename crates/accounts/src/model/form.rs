//! What an API key looks like.
//!
//! `frt_live_` + 12 characters of public id + 32 of secret + 6 of CRC-32, all base62. The prefix
//! tells a scanner of leaked secrets whose key it is; the checksum tells everybody, without asking
//! the store, that a key was mistyped; the public id is what the store is asked for. The secret
//! holds 190 random bits, so a fast hash of the whole key is all that must be kept: a slow one
//! would only serve whoever wants to keep us busy.
//!
//! How to get it wrong: derive the secret from anything that is stored (a reservation's seed, a
//! request id). Only the public id may be; the secret comes from the operating system's
//! randomness, and a repeated request makes another secret under the same id.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base::{Environment, Error, Result, Secret};
use rand::RngExt;
use rand::distr::Alphanumeric;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use uuid::Uuid;

const ID_CHARS: usize = 12;
const SECRET_CHARS: usize = 32;
const CHECKSUM_CHARS: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a key of this environment begins with.
const fn prefix(environment: Environment) -> &'static str {
    match environment {
        Environment::Live => "frt_live_",
        Environment::Test => "frt_test_",
        Environment::Dev => "frt_dev_",
    }
}

/// The public part of a key: unique, no secret, what the store is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(Arc<str>);

impl KeyId {
    /// The id of the key that a request makes: the same each time it runs.
    pub fn of(made_by: Uuid) -> Self {
        let hash = blake3::hash(made_by.as_bytes());
        let mut wide = [0; 16];
        wide.copy_from_slice(&hash.as_bytes()[..16]);
        Self(base62(u128::from_le_bytes(wide), ID_CHARS).into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.len() == ID_CHARS && text.bytes().all(|c| c.is_ascii_alphanumeric()) {
            Ok(Self(text.into()))
        } else {
            Err(Error::not_found(format!("Key {} not found", base::id::shown(text))))
        }
    }
}

impl TryFrom<String> for KeyId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The BLAKE3 hash of a whole key. Compared in constant time, hence no `PartialEq`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct KeyHash([u8; 32]);

impl KeyHash {
    pub(crate) fn of(text: &str) -> Self {
        Self(*blake3::hash(text.as_bytes()).as_bytes())
    }

    /// Whether both are of the same key; takes as long when they differ early as when late.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// A text that has the form of a key. Whether there is such a key, it does not say.
#[derive(Clone, Debug)]
pub struct Presented {
    /// What it may be used for.
    pub environment: Environment,
    /// What to ask the store for.
    pub id: KeyId,
    pub(crate) hash: KeyHash,
}

impl Presented {
    /// Takes a text apart; `None` if prefix, length, alphabet or checksum are wrong.
    pub fn parse(text: &str) -> Option<Self> {
        let environment = Environment::ALL.into_iter().find(|known| text.starts_with(prefix(*known)))?;
        let random = &text.as_bytes()[prefix(environment).len()..];
        let fits = random.len() == ID_CHARS + SECRET_CHARS + CHECKSUM_CHARS;
        if !fits || !random.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let (signed, sum) = text.split_at(text.len() - CHECKSUM_CHARS);
        let id = &signed[prefix(environment).len()..][..ID_CHARS];
        (checksum(signed) == sum).then(|| Self { environment, id: KeyId(id.into()), hash: KeyHash::of(text) })
    }
}

/// The text of a key with this id and a secret that nobody had before: shown once, never stored.
pub fn mint(environment: Environment, id: &KeyId) -> Secret<String> {
    let mut text = format!("{}{id}", prefix(environment));
    text.extend(rand::rng().sample_iter(Alphanumeric).take(SECRET_CHARS).map(char::from));
    let sum = checksum(&text);
    text.push_str(&sum);
    Secret::new(text)
}

fn checksum(text: &str) -> String {
    base62(crc32fast::hash(text.as_bytes()).into(), CHECKSUM_CHARS)
}

/// The last `chars` digits of `number`, most significant first.
fn base62(mut number: u128, chars: usize) -> String {
    let mut digits = vec![b'0'; chars];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(number % 62) as usize];
        number /= 62;
    }
    digits.into_iter().map(char::from).collect()
}
