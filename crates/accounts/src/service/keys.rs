//! Keys: made, listed, rotated, revoked.
//!
//! Nobody can make a key that may do more than they may: neither a new one, nor, by rotating it,
//! a stronger one that exists. A key of `test` or `dev` may do less than a live one whatever its scopes
//! are, and each what the other may not: so it makes keys of its own environment only.

use std::time::Duration;

use base::clock;
use base::store::{StoreError, When, Write};
use base::{Ctx, Environment, Error, ErrorKind, Page, Result, Scope, Scopes, TenantId};
use jiff::Timestamp;

use super::Accounts;
use crate::model::{ApiKey, KeyId, MadeKey, NewEvent, NewKey, missing};
use crate::store::{Stored, key_list, key_put};

/// At most this many keys in one tenant, revoked ones included.
const KEYS_MAX: u64 = 10_000;

/// A key in a list.
#[derive(Clone, Debug)]
pub struct ListedKey {
    /// The key.
    pub key: ApiKey,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl Accounts {
    /// Makes a key in the caller's tenant.
    ///
    /// # Errors
    /// `Forbidden` without `keys:admin`, for a scope that the caller lacks, or for an environment that the
    /// caller's key is not of; `Invalid` for a name, scope or end that is not allowed; `Conflict` at 10,000
    /// keys, and for the tenant `public`.
    pub async fn key_create(&self, ctx: &Ctx, ask: NewKey) -> Result<MadeKey> {
        ctx.require(Scope::KeysAdmin)?;
        check_not_more(ask.scopes, ctx)?;
        check_environment(ask.environment, ctx)?;
        self.key_make(ctx, &ctx.tenant, ask, "key.created", Vec::new()).await
    }

    /// A page of the tenant's keys, the newest first.
    ///
    /// # Errors
    /// `Forbidden` without `keys:admin`.
    pub async fn keys_list(&self, ctx: &Ctx, after: Option<String>, limit: usize) -> Result<Page<ListedKey>> {
        ctx.require(Scope::KeysAdmin)?;
        let page = self.rows().keys(&ctx.tenant, after, limit).await?;
        Ok(page.map(|(key, last_used_at)| ListedKey { key, last_used_at }))
    }

    /// One of the tenant's keys.
    ///
    /// # Errors
    /// `Forbidden` without `keys:admin`; `NotFound`.
    pub async fn key_get(&self, ctx: &Ctx, id: &KeyId) -> Result<ListedKey> {
        ctx.require(Scope::KeysAdmin)?;
        let (stored, last_used_at) = self.key_own(ctx, id).await?;
        Ok(ListedKey { key: stored.value, last_used_at })
    }

    /// How many keys the tenant has, revoked ones included.
    ///
    /// # Errors
    /// `Forbidden` without `keys:admin`.
    pub async fn keys_count(&self, ctx: &Ctx) -> Result<u64> {
        ctx.require(Scope::KeysAdmin)?;
        self.rows().keys_count(&ctx.tenant).await
    }

    /// Makes another key for the same principal. The old one goes on for `overlap`, or until its
    /// own end if that is earlier; the new one lasts as long as the old one was made to last.
    ///
    /// # Errors
    /// `Forbidden` without `keys:admin`, or when the key may do what the caller may not, or where;
    /// `NotFound`; `Conflict` when it is revoked or expired.
    pub async fn key_rotate(&self, ctx: &Ctx, id: &KeyId, overlap: Duration) -> Result<MadeKey> {
        ctx.require(Scope::KeysAdmin)?;
        let (old, _) = self.key_own(ctx, id).await?;
        check_not_more(old.value.scopes, ctx)?;
        check_environment(old.value.environment, ctx)?;
        // This request may have made the successor before, and died before its answer; then the old one was
        // ended with it.
        let (now, made_before) = (ctx.now(), self.made_before(ctx).await?);
        if !made_before && !old.value.is_live(now) {
            return Err(Error::conflict(format!("Key {id} is revoked or expired")));
        }
        let key = &old.value;
        let ask = NewKey {
            name: key.name.clone(),
            environment: key.environment,
            scopes: key.scopes,
            expires_at: key.lifetime().map(|lifetime| clock::add(now, lifetime)),
            acts_for: key.acts_for.clone(),
            principal: Some(key.principal()),
        };
        let ended = (!made_before).then(|| key_put(&key.ending(now, overlap), old.unchanged()));
        let made = self.key_make(ctx, &ctx.tenant, ask, "key.rotated", ended.into_iter().collect()).await;
        self.0.keys.forget(id);
        made
    }

    /// Ends a key at once; one that is revoked already stays so.
    ///
    /// # Errors
    /// `Forbidden` without `keys:admin`; `NotFound`; `Conflict` when somebody else changed it.
    pub async fn key_revoke(&self, ctx: &Ctx, id: &KeyId) -> Result<()> {
        ctx.require(Scope::KeysAdmin)?;
        let (stored, _) = self.key_own(ctx, id).await?;
        if stored.value.revoked_at.is_some() {
            return Ok(());
        }
        let when = stored.unchanged();
        let revoked = stored.value.ending(ctx.now(), Duration::ZERO);
        let event = NewEvent::new("key.revoked", id.as_str()).with("name", revoked.name.as_str());
        let done = self.rows().commit(vec![key_put(&revoked, when), self.audit_write(ctx, event)]).await;
        // Also when the write failed: it may have been applied.
        self.0.keys.forget(id);
        done?;
        Ok(())
    }

    /// Makes a key, whoever asks; `also` is written with it.
    pub(super) async fn key_make(
        &self,
        ctx: &Ctx,
        tenant: &TenantId,
        ask: NewKey,
        action: &'static str,
        also: Vec<Write>,
    ) -> Result<MadeKey> {
        ask.check(tenant, ctx.now())?;
        if tenant.as_str() == TenantId::PUBLIC {
            return Err(Error::conflict("The tenant public has no keys"));
        }
        if self.rows().keys_count(tenant).await? >= KEYS_MAX {
            return Err(Error::conflict(format!("A tenant has at most {KEYS_MAX} keys")));
        }
        let made = ApiKey::make(ask, tenant.clone(), ctx);
        let writes = |when| {
            let mut writes = self.key_writes(ctx, &made.key, action, when);
            writes.extend(also.iter().cloned());
            writes
        };
        match self.rows().commit(writes(When::Absent)).await {
            Ok(_) => Ok(made),
            Err(StoreError::Failed(which)) if which == [0] => {
                // This request made the key before, and died before its answer: whoever asks
                // again never saw that secret, so the key gets another one.
                let again = self.rows().key(&made.key.id).await?.map(|(stored, _)| stored);
                // One that was revoked since does not come back.
                let ours = |key: &ApiKey| key.made_by == made.key.made_by && key.revoked_at.is_none();
                let when = again.filter(|stored| ours(&stored.value));
                let when = when.ok_or_else(|| Error::conflict("The key was not made. Try again."))?.unchanged();
                self.rows().commit(writes(when)).await?;
                self.0.keys.forget(&made.key.id);
                Ok(made)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// All that is written for a new key; the key itself is the first.
    pub(super) fn key_writes(&self, ctx: &Ctx, key: &ApiKey, action: &'static str, when: When) -> Vec<Write> {
        let scopes: Vec<_> = key.scopes.iter().map(Scope::as_str).collect();
        let event = NewEvent::new(action, key.id.as_str())
            .with("name", key.name.as_str())
            .with("principal", key.principal().as_str())
            .with("scopes", scopes);
        let audit = self.audit_write_in(&key.tenant, ctx, event);
        vec![key_put(key, when), key_list(key), audit]
    }

    /// Whether this very request has made its key before.
    async fn made_before(&self, ctx: &Ctx) -> Result<bool> {
        let made_by = ApiKey::made_by(ctx);
        let found = self.rows().key(&KeyId::of(made_by)).await?;
        Ok(found.is_some_and(|(stored, _)| stored.value.made_by == made_by))
    }

    /// A key of the caller's tenant, and when it was last used.
    async fn key_own(&self, ctx: &Ctx, id: &KeyId) -> Result<(Stored<ApiKey>, Option<Timestamp>)> {
        let found = self.rows().key(id).await?;
        found
            .filter(|(stored, _)| stored.value.tenant == ctx.tenant)
            .ok_or_else(|| Error::not_found(format!("Key {id} not found")))
    }
}

fn check_not_more(scopes: Scopes, ctx: &Ctx) -> Result<()> {
    match missing(scopes, ctx.scopes) {
        None => Ok(()),
        Some(scope) => {
            Err(Error::new(ErrorKind::Forbidden, format!("You cannot give the scope {scope}: you do not hold it")))
        }
    }
}

fn check_environment(environment: Environment, ctx: &Ctx) -> Result<()> {
    if ctx.environment == Environment::Live || ctx.environment == environment {
        Ok(())
    } else {
        let text = "A test or dev key makes and rotates keys of its own environment only";
        Err(Error::new(ErrorKind::Forbidden, text))
    }
}
