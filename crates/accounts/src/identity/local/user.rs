//! What is kept of a user.

use std::fmt;

use base::{Ctx, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::password::PasswordHash;
use crate::identity::Email;

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) tenant: TenantId,
    pub(crate) email: String,
    pub(crate) password: PasswordHash,
    pub(crate) created_at: Timestamp,
    /// Until then they are nobody, and gone after some days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) confirmed_at: Option<Timestamp>,
    /// Whether somebody else signed up with the address and another password before it was confirmed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) contested: bool,
    /// How often the password was set anew; sessions of another generation have ended.
    #[serde(default)]
    pub(crate) generation: u32,
}

impl User {
    /// Somebody who has just signed up.
    pub(super) fn new(ctx: &Ctx, tenant: TenantId, email: &Email, password: PasswordHash) -> Self {
        Self {
            id: ctx.uuid("user"),
            tenant,
            email: email.as_str().to_owned(),
            password,
            created_at: ctx.now(),
            confirmed_at: None,
            contested: false,
            generation: 0,
        }
    }
}

/// What a code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Confirm,
    Reset,
}

impl Purpose {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Reset => "reset",
        }
    }
}

/// A code that was sent, and waits to be typed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pending {
    /// Of the code and the user: there are few codes, so that this hides one from a glance, no more.
    pub(crate) hash: [u8; 32],
    /// How often somebody tried.
    pub(crate) tries: u32,
    pub(crate) expires_at: Timestamp,
}

/// Failed sign-ins in a row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Failures {
    pub(crate) count: u32,
    /// The last of them.
    pub(crate) at: Timestamp,
}

/// A session: what its refresh token must be, and until when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: Uuid,
    pub(crate) user: Uuid,
    /// Of the refresh token that comes next.
    pub(crate) hash: [u8; 32],
    pub(crate) began_at: Timestamp,
    /// That of the user when it began.
    #[serde(default)]
    pub(crate) generation: u32,
    pub(crate) expires_at: Timestamp,
    /// Since when it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended_at: Option<Timestamp>,
}

impl Session {
    /// Whether it goes on, for this user.
    pub(crate) fn is_live(&self, user: &User, now: Timestamp) -> bool {
        let same = self.generation == user.generation;
        self.ended_at.is_none() && now < self.expires_at && same && user.confirmed_at.is_some()
    }
}

/// A key that access tokens are signed with; it does not print itself.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SigningKey {
    /// The first is 1; each one after it is made while the one before signs.
    pub(crate) generation: u32,
    pub(crate) kid: String,
    /// The private key, as PKCS#8.
    pub(crate) private: Vec<u8>,
    /// The public key: 32 bytes.
    pub(crate) public: Vec<u8>,
    pub(crate) made_at: Timestamp,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("generation", &self.generation)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}
