//! What we keep of a key: whose it is, what its holder may do, until when.

use std::time::Duration;

use base::{Ctx, Environment, Error, Principal, Result, Scopes, Secret, TenantId, clock};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::form::KeyHash;
use super::{KeyId, check_name, mint, scope_list};

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
    /// The end that it was made with; its successors last as long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    /// The end that rotation or revocation set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cut_at: Option<Timestamp>,
    /// Since when it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// Makes a key. A request that is run again makes it again: the same id, another secret.
    pub(crate) fn make(ask: NewKey, tenant: TenantId, ctx: &Ctx) -> MadeKey {
        let made_by = Self::made_by(ctx);
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
            cut_at: None,
            revoked_at: None,
            id,
        };
        MadeKey { key, text }
    }

    /// What the id of the key that a request makes derives from.
    pub(crate) fn made_by(ctx: &Ctx) -> Uuid {
        ctx.uuid("key")
    }

    /// As whom its holder acts: the first key's id, kept through rotations.
    pub fn principal(&self) -> Principal {
        Principal::new(self.principal.as_str())
    }

    /// From when on it is refused; `None` = never.
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.expires_at.into_iter().chain(self.cut_at).min()
    }

    /// How long it was made to last, whatever has shortened that since; `None` = for ever.
    pub(crate) fn lifetime(&self) -> Option<Duration> {
        self.expires_at.and_then(|end| Duration::try_from(end.duration_since(self.created_at)).ok())
    }

    /// The key as it ends `after` some time, or at its own end if that is earlier.
    pub(crate) fn ending(&self, now: Timestamp, after: Duration) -> Self {
        let end = clock::add(now, after);
        let cut_at = Some(self.cut_at.map_or(end, |before| before.min(end)));
        Self { cut_at, revoked_at: after.is_zero().then_some(now), ..self.clone() }
    }

    /// Whether it is neither revoked nor expired at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.ends_at().is_none_or(|at| now < at)
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
