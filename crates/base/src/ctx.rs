//! Who asks, for which tenant, with which scopes, and when.
//!
//! A [`Ctx`] is made once for each request, by `web`, and handed down. Every identifier and every
//! instant that an operation makes comes from it ([`Ctx::uuid`], [`Ctx::now`]): when a request
//! with an `Idempotency-Key` is taken over after a crash, its `Ctx` is made of the reservation's
//! own clock reading and seed, so the operation rewrites the same items instead of making twins.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Error, RequestId, TenantId};

/// What a caller may do. The text form stands in keys, tokens and the OpenAPI document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Scope {
    /// Read measurements.
    SourceRead,
    /// Write measurements.
    SourceWrite,
    /// Read carts.
    CartsRead,
    /// Change carts.
    CartsWrite,
    /// Read datasets and how their runs went.
    IngestRead,
    /// Start fetches and imports, change datasets.
    IngestRun,
    /// See what a dataset redacts.
    IngestSensitive,
    /// See jobs of every kind.
    JobsRead,
    /// Steer jobs of every kind.
    JobsWrite,
    /// Read token analytics.
    TokensRead,
    /// Record views and clicks.
    TokensWrite,
    /// Make and revoke the tenant's keys; read its audit.
    KeysAdmin,
    /// Make and delete tenants; only in `system`.
    TenantsAdmin,
    /// See the platform's insides; only in `system`.
    OpsRead,
}

impl Scope {
    /// Every scope, in the order of the documentation.
    pub const ALL: [Self; 14] = [
        Self::SourceRead,
        Self::SourceWrite,
        Self::CartsRead,
        Self::CartsWrite,
        Self::IngestRead,
        Self::IngestRun,
        Self::IngestSensitive,
        Self::JobsRead,
        Self::JobsWrite,
        Self::TokensRead,
        Self::TokensWrite,
        Self::KeysAdmin,
        Self::TenantsAdmin,
        Self::OpsRead,
    ];

    /// The text form, such as `ingest:read`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SourceRead => "source:read",
            Self::SourceWrite => "source:write",
            Self::CartsRead => "carts:read",
            Self::CartsWrite => "carts:write",
            Self::IngestRead => "ingest:read",
            Self::IngestRun => "ingest:run",
            Self::IngestSensitive => "ingest:sensitive",
            Self::JobsRead => "jobs:read",
            Self::JobsWrite => "jobs:write",
            Self::TokensRead => "tokens:read",
            Self::TokensWrite => "tokens:write",
            Self::KeysAdmin => "keys:admin",
            Self::TenantsAdmin => "tenants:admin",
            Self::OpsRead => "ops:read",
        }
    }

    /// Whether only the tenant `system` may hold it.
    pub const fn platform_only(self) -> bool {
        matches!(self, Self::TenantsAdmin | Self::OpsRead)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            Error::invalid("scopes", format!("Unknown scope. Allowed: {all}"))
        })
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u32);

impl Scopes {
    /// Whether `scope` is in it.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// This set and one more scope.
    #[must_use]
    pub fn with(self, scope: Scope) -> Self {
        Self(self.0 | 1 << scope as u8)
    }

    /// The scopes in it, in the order of the documentation.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::default(), Self::with)
    }
}

/// Who calls: `key:<id>`, `user:<id>`, `session:<hash>`, or `system` for Freight itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal(Arc<str>);

impl Principal {
    /// Names a caller.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the key of a caller may be used for; whoever calls without a key does so for real.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// The real thing.
    #[default]
    Live,
    /// Starts no fetch into a dataset but from the sandbox.
    Test,
    /// Accepted from the same machine only.
    Dev,
}

impl Environment {
    /// Every environment, the real one first.
    pub const ALL: [Self; 3] = [Self::Live, Self::Test, Self::Dev];
}

/// Who asks, for which tenant, with which scopes, and when.
#[derive(Clone, Debug)]
pub struct Ctx {
    /// Whose data it is about.
    pub tenant: TenantId,
    /// Who asks.
    pub principal: Principal,
    /// What they may do.
    pub scopes: Scopes,
    /// What their key may be used for.
    pub environment: Environment,
    /// Names the request in logs and answers.
    pub request_id: RequestId,
    at: Timestamp,
    seed: Uuid,
}

impl Ctx {
    /// The context of a request received at `at`, for real; `seed` is random, or a reservation's own.
    pub fn new(
        tenant: TenantId,
        principal: Principal,
        scopes: Scopes,
        request_id: RequestId,
        at: Timestamp,
        seed: Uuid,
    ) -> Self {
        Self { tenant, principal, scopes, environment: Environment::Live, request_id, at, seed }
    }

    /// The same, asked with a key of this environment.
    #[must_use]
    pub fn with_environment(self, environment: Environment) -> Self {
        Self { environment, ..self }
    }

    /// The instant of the request. Operations use this one reading throughout.
    pub fn now(&self) -> Timestamp {
        self.at
    }

    /// An identifier for the thing this operation calls `label`: the same each time this request
    /// runs, another for every other request. Of version 7, so that it sorts by creation.
    pub fn uuid(&self, label: &str) -> Uuid {
        derived_uuid(self.at, &[self.seed.as_bytes(), label.as_bytes()])
    }

    /// Refuses a caller without `scope`.
    ///
    /// # Errors
    /// `Forbidden`, naming the scope.
    pub fn require(&self, scope: Scope) -> Result<(), Error> {
        if self.scopes.contains(scope) {
            Ok(())
        } else {
            Err(Error::new(crate::ErrorKind::Forbidden, format!("This needs the scope {scope}")))
        }
    }
}

/// A UUID of version 7 whose instant is `at` and whose random part is a hash of `parts`, so that
/// whoever repeats the work arrives at the same identifier.
pub fn derived_uuid(at: Timestamp, parts: &[&[u8]]) -> Uuid {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut random = [0; 10];
    random.copy_from_slice(&hasher.finalize().as_bytes()[..10]);
    let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}
