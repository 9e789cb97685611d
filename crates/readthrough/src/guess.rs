//! What the cache keeps of an answer.
//!
//! A byte for the version (1), one for whether there is such a thing, eight for the instant in
//! microseconds since 1970, sixteen for the tag, and the text. The stamp is the cache's own.

use base::cache::{CacheKey, Cached};
use base::{Cache, TenantId};
use bytes::{BufMut as _, Bytes, BytesMut};
use jiff::Timestamp;

use crate::answer::Answer;
use crate::{Spec, Subject};

const VERSION: u8 = 1;
const HEAD_BYTES: usize = 26;

/// The cache's key of a subject.
pub(crate) fn key(tenant: &TenantId, spec: &Spec, subject: &Subject) -> CacheKey {
    let parts: Vec<&str> =
        [tenant.as_str(), spec.name].into_iter().chain(subject.parts().iter().map(String::as_str)).collect();
    CacheKey::new(&parts)
}

/// What the cache knows.
pub(crate) async fn get(cache: &dyn Cache, key: &CacheKey) -> Option<Answer> {
    decode(&cache.get(key).await?)
}

/// Lets the cache know.
pub(crate) async fn put(cache: &dyn Cache, key: &CacheKey, answer: &Answer, spec: &Spec) {
    let ttl = if answer.text.is_some() { spec.cached } else { spec.cached.min(spec.absence) };
    cache.put(key, encode(answer), answer.stamp, ttl).await;
}

fn encode(answer: &Answer) -> Bytes {
    let text = answer.text.as_deref().unwrap_or_default();
    let mut bytes = BytesMut::with_capacity(HEAD_BYTES + text.len());
    bytes.put_u8(VERSION);
    bytes.put_u8(u8::from(answer.text.is_some()));
    bytes.put_i64(answer.at.as_microsecond());
    bytes.put_slice(&answer.tag);
    bytes.put_slice(text);
    bytes.freeze()
}

/// `None` for what another version wrote: it is asked for anew.
fn decode(cached: &Cached) -> Option<Answer> {
    let (head, _) = cached.value.split_at_checked(HEAD_BYTES)?;
    let [VERSION, is_there @ 0..=1, rest @ ..] = head else { return None };
    let (at, tag) = rest.split_at_checked(8)?;
    Some(Answer {
        text: (*is_there == 1).then(|| cached.value.slice(HEAD_BYTES..)),
        tag: tag.try_into().ok()?,
        at: Timestamp::from_microsecond(i64::from_be_bytes(at.try_into().ok()?)).ok()?,
        stamp: cached.stamp,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the first version cached of `{"a":1}`, as of one second after 1970.
    const V1: &[u8] = b"\x01\x01\x00\x00\x00\x00\x00\x0f\x42\x40\x31\xd4\x60\xc1\xb7\xc9\x4a\x4d\xa5\x4d\xc7\x5b\x1b\x0d\x2c\x6f{\"a\":1}";

    #[test]
    fn what_is_cached_is_read_back() {
        for text in [Some("{\"a\":1}".to_owned()), None] {
            let answer = Answer::new(text, Timestamp::from_second(1).unwrap(), None);
            let cached = Cached { value: encode(&answer), stamp: answer.stamp };
            assert_eq!(decode(&cached), Some(answer));
        }
    }

    #[test]
    fn the_first_version_is_read_and_others_are_not() {
        let read = |value: Vec<u8>| decode(&Cached { value: value.into(), stamp: 7 });
        let answer = read(V1.to_vec()).unwrap();
        assert_eq!((answer.text.as_deref(), answer.at.as_second(), answer.stamp), (Some(&b"{\"a\":1}"[..]), 1, 7));
        let of_version_2 = [&[2], &V1[1..]].concat();
        assert_eq!([read(of_version_2), read(V1[..20].to_vec()), read(Vec::new())], [None, None, None]);
    }
}
