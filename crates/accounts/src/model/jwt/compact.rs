//! The compact form of a token: three parts of base64url with dots between them (RFC 7515, 7.1).
//!
//! There is one way to write each token. What decodes to the same bytes but is written otherwise
//! (padding, bits behind the last byte, white space) is refused, so that two texts are never one
//! token.

use std::str::FromStr;

use base::json::{self, Limits};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::{Claims, Flaw};

/// At most so long is a token.
pub const TOKEN_BYTES_MAX: usize = 8_192;
/// At most so long is the name of a key.
const KID_CHARS_MAX: usize = 200;
/// What a header or the claims may hold.
const LIMITS: Limits = Limits { depth: 8, values: 1_000, string_bytes: TOKEN_BYTES_MAX };

/// Members of a header that would have us take the token's word for how it is to be judged: a key or
/// a place to fetch one from, extensions, another form of the payload, encryption.
const REFUSED: [&str; 9] = ["crit", "b64", "zip", "enc", "jku", "jwk", "x5u", "x5c", "epk"];
/// What the member `typ` may say.
const TYPES: [&str; 4] = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"];

/// A token, taken apart; nothing of it is believed yet.
#[derive(Debug)]
pub struct Compact<'a> {
    /// Of the header.
    pub algorithm: Algorithm,
    /// Which key it names.
    pub key: String,
    /// What it says.
    pub claims: Claims,
    /// What was signed.
    pub(super) signed: &'a str,
    /// The signature, as base64url.
    pub(super) signature: &'a str,
}

impl<'a> Compact<'a> {
    /// Whether a text has the form of a token at a glance: two dots.
    pub fn is_like(text: &str) -> bool {
        text.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// Takes a token apart.
    ///
    /// # Errors
    /// `Form`, `Header`, or `Algorithm` for one that no allow-list could hold.
    pub fn parse(text: &'a str) -> Result<Self, Flaw> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(Flaw::Form);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Flaw::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(Flaw::Form)?;
        decode(signature)?;
        let header = object(header)?;
        if REFUSED.iter().any(|name| header.contains_key(*name)) {
            return Err(Flaw::Header);
        }
        let text_of = |name: &str| header.get(name).map(|value| value.as_str().ok_or(Flaw::Header)).transpose();
        if text_of("typ")?.is_some_and(|typ| !TYPES.iter().any(|known| typ.eq_ignore_ascii_case(known))) {
            return Err(Flaw::Header);
        }
        let algorithm = text_of("alg")?.and_then(|name| Algorithm::from_str(name).ok()).ok_or(Flaw::Algorithm)?;
        let key = text_of("kid")?.filter(|kid| (1..=KID_CHARS_MAX).contains(&kid.len())).ok_or(Flaw::Key)?;
        let key = key.to_owned();
        Ok(Self { algorithm, key, claims: Claims::of(object(payload)?), signed, signature })
    }
}

fn decode(part: &str) -> Result<Vec<u8>, Flaw> {
    // The engine takes no padding, no bits behind the last byte, no other alphabet.
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Flaw::Form)?;
    if bytes.is_empty() { Err(Flaw::Form) } else { Ok(bytes) }
}

fn object(part: &str) -> Result<Map<String, Value>, Flaw> {
    json::parse_within(&decode(part)?, &LIMITS).map_err(|_| Flaw::Form)
}
