//! `Idempotency-Key`: a POST that may be sent again.
//!
//! The first request with a key makes a *reservation*: the fingerprint of the request, a reading
//! of the clock, the seed of every id the operation will make, and a lease of 60 s. The operation
//! runs with that reading and seed in its `Ctx`. A repeat finds the reservation and
//!
//! - is refused with 422 when its fingerprint differs,
//! - is refused with 409 while the lease lasts,
//! - gets the stored answer when there is one,
//! - takes the lease over otherwise, and runs with the *same* reading and seed: it rewrites the
//!   same items. That is what makes a crash between effect and record harmless.
//!
//! An answer that cannot be kept (over 256 KB, a secret, a failure of ours) ends the lease and
//! keeps the reservation, so that the repeat computes it again. Correctness never rests on the
//! lease: who lost it can no longer record an answer, since every write demands its token.
//!
//! A caller without a credential has no name to keep a reservation under; it is kept under the
//! fingerprint instead, so that only who sends the very same request can meet it.

mod answer;
mod reservation;

use axum::extract::Request;
use base::store::Table;
use base::{Error, ErrorKind, TenantId, key};
use http::HeaderName;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};

use crate::register::Spec;
use crate::{Problem, auth, body};

pub(crate) use reservation::{Reservation, Reserved, reserve};

/// `Idempotency-Key`
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// `Idempotent-Replayed`: the answer is the stored one.
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// The longest key.
pub const KEY_CHARS_MAX: usize = 255;

const TABLE: Table = Table("idempotency");

/// The tables of the HTTP kit.
pub const TABLES: [Table; 1] = [TABLE];

const SHARDS: u64 = 16;

/// The partitions that hold a tenant's reservations.
pub fn partitions(tenant: &TenantId) -> Vec<(Table, String)> {
    (0..SHARDS).map(|shard| (TABLE, key![tenant, shard])).collect()
}

/// What a request asks for with its key.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    key: String,
    fingerprint: String,
}

/// The key of a request and its fingerprint; `None` when it has no key. A whole body is read for
/// it and put back; that of a streaming route is not part of the fingerprint.
pub(crate) async fn asked(spec: &Spec, request: Request) -> Result<(Request, Option<Asked>), Problem> {
    if !spec.heeds_keys() {
        return Ok((request, None));
    }
    let Some(key) = auth::single(request.headers(), &IDEMPOTENCY_KEY)?.map(str::to_owned) else {
        return Ok((request, None));
    };
    if key.is_empty() || key.len() > KEY_CHARS_MAX {
        let text = format!("Idempotency-Key must be 1 to {KEY_CHARS_MAX} characters");
        return Err(Error::invalid("Idempotency-Key", text).into());
    }
    let mut hasher = blake3::Hasher::new();
    let target = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    hasher.update(&(target.len() as u64).to_le_bytes());
    hasher.update(target.as_bytes());
    let request = if spec.streaming { request } else { hashed(request, &mut hasher).await? };
    let fingerprint = hasher.finalize().to_hex().to_string();
    Ok((request, Some(Asked { key, fingerprint })))
}

/// Reads the whole body, hashes it as it is decompressed, and puts it back plain.
async fn hashed(request: Request, hasher: &mut blake3::Hasher) -> Result<Request, Problem> {
    let (mut parts, payload) = request.into_parts();
    let whole = body::read(Request::from_parts(parts.clone(), payload)).await?;
    hasher.update(&whole);
    if parts.headers.remove(CONTENT_ENCODING).is_some() {
        parts.headers.insert(CONTENT_LENGTH, whole.len().into());
    }
    Ok(Request::from_parts(parts, whole.into()))
}

fn busy(wait: std::time::Duration) -> Error {
    let text = "A request with this Idempotency-Key is still running";
    Error::new(ErrorKind::Conflict, text).with_retry_after(wait)
}

fn other_payload() -> Error {
    Error::invalid("Idempotency-Key", "This Idempotency-Key was used for another request")
}
