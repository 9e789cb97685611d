//! The keys of our access tokens: in the store, shared by all copies, changed every thirty days.
//!
//! The next key is made and published before the first token is signed with it, so that whoever keeps
//! a copy of our keys for some minutes knows it in time; and the one before is published for as long as
//! a token lives that it signed. Of many copies that make the next key at once, one does.
//!
//! They lie in the store as the other keys that copies share do: who can read the store can sign. While it
//! cannot be asked, tokens are verified with those that were read in the last five minutes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base::store::StoreError;
use base::{Clock, Error, ErrorKind, Result, Secret, clock};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{EncodingKey, Header};
use serde::Serialize;

use super::SigningKey;
use super::session::ACCESS_LIFE;
use crate::model::jwt::{Algorithm, Compact, Flaw, KeySet};
use crate::service::{KeyRing, OUTAGE_MAX, Refusal};
use crate::store::UserRows;

/// How long a key signs.
const SIGNS: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How long a key is published before it signs.
const BEFORE: Duration = Duration::from_secs(600);
/// For how long keys that were read are taken to be all there are.
const READ_EVERY: Duration = Duration::from_secs(60);
/// An unknown key makes us read again, at most so often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Our keys. Clones share what was read.
#[derive(Clone)]
pub(super) struct Signing {
    rows: UserRows,
    clock: Arc<dyn Clock>,
    read: Arc<Mutex<Option<Read>>>,
}

#[derive(Clone)]
struct Read {
    keys: Arc<[SigningKey]>,
    public: Arc<KeySet>,
    at: Duration,
}

/// The keys that verify our access tokens, as RFC 7517 has it.
#[derive(Clone, Debug, Serialize)]
pub struct JwkDocument {
    /// The keys.
    pub keys: Vec<JwkEntry>,
}

/// One public key.
#[derive(Clone, Debug, Serialize)]
pub struct JwkEntry {
    /// Always `OKP`.
    pub kty: &'static str,
    /// Always `Ed25519`.
    pub crv: &'static str,
    /// Always `EdDSA`.
    pub alg: &'static str,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub purpose: &'static str,
    /// The name that tokens give it.
    pub kid: String,
    /// The key, as base64url.
    pub x: String,
}

impl Signing {
    pub(super) fn new(rows: UserRows, clock: Arc<dyn Clock>) -> Self {
        Self { rows, clock, read: Arc::default() }
    }

    /// Signs claims with the key whose time it is.
    pub(super) async fn sign(&self, claims: &impl Serialize) -> Result<Secret<String>> {
        let now = self.clock.now();
        let mut keys = self.read_within(READ_EVERY).await?.keys;
        if next_is_due(&keys, now) {
            self.make_next(&keys, now).await?;
            keys = self.read_within(Duration::ZERO).await?.keys;
        }
        let key = signer(&keys, now).ok_or_else(|| Error::internal("a key that was just written is gone"))?;
        let header = Header { kid: Some(key.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        let text = jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_der(&key.private));
        text.map(Secret::new).map_err(Error::internal)
    }

    /// The public halves.
    pub(super) async fn published(&self) -> Result<JwkDocument> {
        Ok(document(&self.read_within(READ_EVERY).await?.keys))
    }

    /// The keys as they were at most so long ago.
    async fn read_within(&self, age: Duration) -> Result<Read> {
        let now = self.clock.monotonic();
        if let Some(read) = self.known().filter(|read| now.saturating_sub(read.at) < age) {
            return Ok(read);
        }
        let keys: Arc<[SigningKey]> = self.rows.signing_keys().await?.into();
        let text = serde_json::to_vec(&document(&keys)).map_err(Error::internal)?;
        let public = Arc::new(KeySet::parse(&text, &[Algorithm::EdDSA])?);
        let read = Read { keys, public, at: now };
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(read.clone());
        Ok(read)
    }

    /// What stands in for a store that failed with `error`, if it cannot be asked and the key of this name was
    /// there in the last five minutes.
    fn read_lately(&self, kid: &str, error: Error) -> Result<Read> {
        let (away, now) = (error.kind() == ErrorKind::Unavailable, self.clock.monotonic());
        let stands_in = |read: &Read| now.saturating_sub(read.at) < OUTAGE_MAX && read.public.holds(kid);
        self.known().filter(|read| away && stands_in(read)).ok_or(error)
    }

    fn known(&self) -> Option<Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the key that comes after these, and removes those that no living token was signed with.
    async fn make_next(&self, keys: &[SigningKey], now: Timestamp) -> Result<()> {
        let last = keys.last().map_or(0, |key| key.generation);
        let made = make(last + 1, now)?;
        let retired = keys.iter().filter(|key| key.generation < last);
        match self.rows.signing_key_add(&made, retired).await {
            // Another copy made it.
            Ok(_) | Err(StoreError::Failed(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[async_trait]
impl KeyRing for Signing {
    async fn verify(&self, token: &Compact<'_>) -> Result<(), Refusal> {
        if token.algorithm != Algorithm::EdDSA {
            return Err(Flaw::Algorithm.into());
        }
        let read = self.read_within(READ_EVERY).await;
        let mut read = read.or_else(|error| self.read_lately(&token.key, error))?;
        if !read.public.holds(&token.key) {
            read = self.read_within(LOOK_EVERY).await?;
        }
        Ok(read.public.verify(token)?)
    }
}

/// Whether the newest key has signed for long enough, or there is none.
fn next_is_due(keys: &[SigningKey], now: Timestamp) -> bool {
    keys.last().is_none_or(|key| now >= clock::add(key.made_at, SIGNS))
}

/// The newest that was published for long enough, else the oldest there is.
fn signer(keys: &[SigningKey], now: Timestamp) -> Option<&SigningKey> {
    keys.iter().rev().find(|key| now >= clock::add(key.made_at, BEFORE)).or(keys.first())
}

fn make(generation: u32, now: Timestamp) -> Result<SigningKey> {
    let pair = Ed25519KeyPair::generate().map_err(Error::internal)?;
    let private = pair.to_pkcs8().map_err(Error::internal)?.as_ref().to_vec();
    let public = pair.public_key().as_ref().to_vec();
    let kid = URL_SAFE_NO_PAD.encode(&blake3::hash(&public).as_bytes()[..16]);
    Ok(SigningKey { generation, kid, private, public, made_at: now })
}

fn document(keys: &[SigningKey]) -> JwkDocument {
    let entry = |key: &SigningKey| JwkEntry {
        kty: "OKP",
        crv: "Ed25519",
        alg: "EdDSA",
        purpose: "sig",
        kid: key.kid.clone(),
        x: URL_SAFE_NO_PAD.encode(&key.public),
    };
    JwkDocument { keys: keys.iter().map(entry).collect() }
}

// The one before the last is gone when the next is made: by then no token lives that it signed.
const _: () = assert!(SIGNS.as_secs() > BEFORE.as_secs() + ACCESS_LIFE.as_secs());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_key_is_published_before_it_signs() {
        let start: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let first = make(1, start).unwrap();
        assert!(next_is_due(&[], start) && !next_is_due(std::slice::from_ref(&first), start));
        let changed = clock::add(start, SIGNS);
        assert!(next_is_due(std::slice::from_ref(&first), changed));
        let keys = [first, make(2, changed).unwrap()];
        let signs_at = |at| signer(&keys, at).unwrap().generation;
        assert_eq!((signs_at(start), signs_at(changed), signs_at(clock::add(changed, BEFORE))), (1, 1, 2));
    }

    #[test]
    fn a_key_does_not_print_itself() {
        let key = make(1, Timestamp::UNIX_EPOCH).unwrap();
        let shown = format!("{key:?}");
        assert!(shown.contains(&key.kid) && !shown.contains(&format!("{:?}", key.private)), "{shown}");
    }
}
