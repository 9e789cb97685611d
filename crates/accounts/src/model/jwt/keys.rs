//! The keys of an issuer (RFC 7517), and the signature of a token.

use std::collections::HashMap;

use base::Result;
use base::json::{self, Limits};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::Deserialize;
use serde_json::Value;

use super::{Compact, Flaw};

/// At most so many keys are kept of one issuer.
const KEYS_MAX: usize = 100;
/// What the document may hold.
const LIMITS: Limits = Limits { depth: 8, values: 5_000, string_bytes: 1 << 16 };

/// The public keys of an issuer, by their names.
#[derive(Clone, Debug, Default)]
pub struct KeySet(HashMap<String, PublicKey>);

#[derive(Clone, Debug)]
struct PublicKey {
    /// What it may verify.
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// The algorithm of this name, if tokens may ever be signed with it: one whose keys come in pairs. With
/// a shared secret, everybody who can verify a token could make one.
pub fn allowed_algorithm(name: &str) -> Option<Algorithm> {
    name.parse().ok().filter(|algorithm| !matches!(algorithm, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512))
}

impl KeySet {
    /// Reads a document. What is in it besides keys for our algorithms is left out: issuers publish
    /// keys for encryption, and for algorithms that are yet to come. So the set may be empty.
    ///
    /// # Errors
    /// What is wrong with it: it is no such document.
    pub fn parse(document: &[u8], allowed: &[Algorithm]) -> Result<Self> {
        let Document { keys } = json::parse_within(document, &LIMITS)?;
        let usable = keys.into_iter().take(KEYS_MAX).filter_map(|key| PublicKey::of(key, allowed));
        Ok(Self(usable.collect()))
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is a key of this name.
    pub fn holds(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Verifies the signature of a token.
    ///
    /// # Errors
    /// `Key`, `Algorithm` or `Signature`.
    pub fn verify(&self, token: &Compact<'_>) -> Result<(), Flaw> {
        let PublicKey { algorithms, key } = self.0.get(&token.key).ok_or(Flaw::Key)?;
        if !algorithms.contains(&token.algorithm) {
            return Err(Flaw::Algorithm);
        }
        match crypto::verify(token.signature, token.signed.as_bytes(), key, token.algorithm) {
            Ok(true) => Ok(()),
            _ => Err(Flaw::Signature),
        }
    }
}

impl PublicKey {
    fn of(value: Value, allowed: &[Algorithm]) -> Option<(String, Self)> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let name = jwk.common.key_id.clone().filter(|name| !name.is_empty())?;
        if jwk.common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
            return None;
        }
        let fits = possible(&jwk.algorithm);
        // A key that names its algorithm is for that one alone.
        let named = jwk.common.key_algorithm;
        let algorithms: Vec<_> = allowed
            .iter()
            .copied()
            .filter(|algorithm| fits.contains(algorithm) && named.is_none_or(|named| is(named, *algorithm)))
            .collect();
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        (!algorithms.is_empty()).then_some((name, Self { algorithms, key }))
    }
}

/// What a key of this kind could verify; nothing for a shared secret.
fn possible(parameters: &AlgorithmParameters) -> &'static [Algorithm] {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    match parameters {
        AlgorithmParameters::RSA(_) => &[RS256, RS384, RS512, PS256, PS384, PS512],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => &[ES256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => &[ES384],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[EdDSA],
        _ => &[],
    }
}

fn is(named: KeyAlgorithm, algorithm: Algorithm) -> bool {
    named.to_string().parse::<Algorithm>().is_ok_and(|named| named == algorithm)
}
