//! Where a list goes on, in a form that only we can make.
//!
//! A cursor is a sort key with a keyed hash over everything it is valid for: the tenant, the
//! principal, the path, the other parameters. A cursor of somebody else, of another list or of
//! another filter is refused like a forged one. All copies of the server share the key.

use base::{Ctx, Error, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::query;

const TAG_BYTES: usize = 16;

/// The key that signs cursors: 32 random bytes, the same in all copies of the server.
pub type CursorKey = Secret<[u8; 32]>;

/// What a cursor is valid for.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    parts: Vec<String>,
}

impl Scope {
    /// The list that this request asks for, whichever part of it.
    pub(crate) fn new(ctx: &Ctx, path: &str, query: &str) -> base::Result<Self> {
        let mut rest: Vec<_> = query::pairs(query)?
            .into_iter()
            .filter(|(name, _)| !matches!(name.as_ref(), "limit" | "cursor" | "offset"))
            .map(|(name, value)| format!("{}={name}={value}", name.len()))
            .collect();
        rest.sort();
        let mut parts = vec![ctx.tenant.to_string(), ctx.principal.to_string(), path.to_owned()];
        parts.append(&mut rest);
        Ok(Self { parts })
    }

    /// The cursor that goes on after `sort`.
    pub(crate) fn sign(&self, key: &CursorKey, sort: &str) -> String {
        let mut bytes = self.tag(key, sort).as_bytes()[..TAG_BYTES].to_vec();
        bytes.extend_from_slice(sort.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The sort key inside a cursor.
    ///
    /// # Errors
    /// `Invalid`, naming `cursor`, unless it was made for this list.
    pub(crate) fn open(&self, key: &CursorKey, cursor: &str) -> base::Result<String> {
        let wrong = || Error::invalid("cursor", "This cursor does not belong to this list");
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| wrong())?;
        let (tag, sort) = bytes.split_at_checked(TAG_BYTES).ok_or_else(wrong)?;
        let sort = str::from_utf8(sort).map_err(|_| wrong())?;
        let mut claimed = [0; blake3::OUT_LEN];
        claimed[..TAG_BYTES].copy_from_slice(tag);
        let mut expected = *self.tag(key, sort).as_bytes();
        expected[TAG_BYTES..].fill(0);
        // `blake3::Hash` compares in constant time.
        if blake3::Hash::from(expected) == blake3::Hash::from(claimed) { Ok(sort.to_owned()) } else { Err(wrong()) }
    }

    fn tag(&self, key: &CursorKey, sort: &str) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(key.expose());
        for part in self.parts.iter().map(String::as_str).chain([sort]) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize()
    }
}
