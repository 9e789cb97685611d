//! What an API key looks like, and what we keep of it.
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

use base::{Ctx, Error, Principal, Result, Scopes, Secret, TenantId};
use jiff::Timestamp;
use rand::RngExt;
use rand::distr::Alphanumeric;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{check_name, scope_list};

const ID_CHARS: usize = 12;
const SECRET_CHARS: usize = 32;
const CHECKSUM_CHARS: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a key may be used for; it stands in the key's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// The real thing.
    Live,
    /// Jobs run against the sandbox only.
    Test,
    /// Accepted from the same machine only.
    Dev,
}

impl Environment {
    const ALL: [Self; 3] = [Self::Live, Self::Test, Self::Dev];

    /// What a key of it begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Live => "frt_live_",
            Self::Test => "frt_test_",
            Self::Dev => "frt_dev_",
        }
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
    fn of(text: &str) -> Self {
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
        let environment = Environment::ALL.into_iter().find(|e| text.starts_with(e.prefix()))?;
        let random = &text.as_bytes()[environment.prefix().len()..];
        let fits = random.len() == ID_CHARS + SECRET_CHARS + CHECKSUM_CHARS;
        if !fits || !random.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let (signed, sum) = text.split_at(text.len() - CHECKSUM_CHARS);
        let id = &signed[environment.prefix().len()..][..ID_CHARS];
        (checksum(signed) == sum).then(|| Self { environment, id: KeyId(id.into()), hash: KeyHash::of(text) })
    }
}

/// The text of a key with this id and a secret that nobody had before: shown once, never stored.
pub fn mint(environment: Environment, id: &KeyId) -> Secret<String> {
    let mut text = format!("{}{id}", environment.prefix());
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

/// What we keep of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApiKey {
    /// The public part.
    pub id: KeyId,
    /// What it may be used for.
    pub environment: Environment,
    /// Whose key it is.
    pub tenant: TenantId,
    /// For a key of `system`: for whom it acts when the caller does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acts_for: Option<TenantId>,
    /// What people call it.
    pub name: String,
    principal: String,
    /// What its holder may do.
    #[serde(with = "scope_list")]
    pub scopes: Scopes,
    pub(crate) hash: KeyHash,
    pub(crate) made_by: Uuid,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Since when it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// Makes a key. A request that is run again makes it again: the same id, another secret.
    pub(crate) fn make(ask: NewKey, tenant: TenantId, ctx: &Ctx) -> MadeKey {
        let made_by = ctx.uuid("key");
        let id = KeyId::of(made_by);
        let text = mint(ask.environment, &id);
        let key = Self {
            environment: ask.environment,
            tenant,
            acts_for: ask.acts_for,
            name: ask.name,
            principal: ask.principal.map_or_else(|| format!("key:{id}"), |p| p.as_str().to_owned()),
            scopes: ask.scopes,
            hash: KeyHash::of(text.expose()),
            made_by,
            created_by: ctx.principal.as_str().to_owned(),
            created_at: ctx.now(),
            expires_at: ask.expires_at,
            revoked_at: None,
            id,
        };
        MadeKey { key, text }
    }

    /// As whom its holder acts: the first key's id, kept through rotations.
    pub fn principal(&self) -> Principal {
        Principal::new(self.principal.as_str())
    }

    /// Whether it is neither revoked nor expired at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }
}

/// What is asked for when a key is made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What people call it.
    pub name: String,
    /// What it may be used for.
    pub environment: Environment,
    /// What its holder may do.
    pub scopes: Scopes,
    /// From when on it is refused; `None` = never.
    pub expires_at: Option<Timestamp>,
    pub(crate) acts_for: Option<TenantId>,
    pub(crate) principal: Option<Principal>,
}

impl NewKey {
    /// A live key without an end.
    pub fn new(name: impl Into<String>, scopes: Scopes) -> Self {
        let environment = Environment::Live;
        Self { name: name.into(), environment, scopes, expires_at: None, acts_for: None, principal: None }
    }

    /// Refuses what no key of `tenant` may be, whoever asks.
    ///
    /// # Errors
    /// `Invalid`, naming the field.
    pub(crate) fn check(&self, tenant: &TenantId, now: Timestamp) -> Result<()> {
        check_name("name", &self.name)?;
        if self.scopes.iter().next().is_none() {
            return Err(Error::invalid("scopes", "A key needs at least one scope"));
        }
        if self.expires_at.is_some_and(|at| at <= now) {
            return Err(Error::invalid("expires_at", "A key must end in the future"));
        }
        let platform = self.scopes.iter().find(|scope| scope.platform_only());
        match platform {
            Some(scope) if tenant.as_str() != TenantId::SYSTEM => {
                Err(Error::invalid("scopes", format!("Only a key of the tenant system can hold {scope}")))
            }
            _ => Ok(()),
        }
    }
}

/// A key, and the only copy of its text.
#[derive(Clone, Debug)]
pub struct MadeKey {
    /// What we keep of it.
    pub key: ApiKey,
    /// What the caller must keep.
    pub text: Secret<String>,
}
