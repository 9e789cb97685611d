//! Who is calling.
//!
//! The order of the checks is the promise: the form of the key is judged before anything is read;
//! its hash before anything is told about it; and whatever cannot be read is 503, never "allowed", unless
//! it was read in the last minutes ([`recent`](super::recent)).
//! Everything that is wrong with a well-formed key has one text, since a caller who holds no key
//! has no right to know whether there was one.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use base::store::StoreError;
use base::{Environment, Error, ErrorKind, Result, TenantId};
use jiff::Timestamp;
use uuid::Uuid;

use super::recent::Known;
use super::{Accounts, denials, unauthenticated};
use crate::model::{ApiKey, KeyId, Presented, Slug, Tenant, TenantStatus};
use crate::store::used_put;

/// A key's use is written down at most this often.
const USED_EVERY: Duration = Duration::from_secs(60);

/// A caller whose key was found good.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Their key.
    pub key: Arc<ApiKey>,
    /// For whom they act now: the key's tenant, or the one that a key of `system` acts for.
    pub tenant: Arc<Tenant>,
    /// Whether the store could not be asked, and they were good when it last could.
    pub remembered: bool,
}

impl Accounts {
    /// Finds out who presents `text`, and for which tenant they act.
    ///
    /// # Errors
    /// `Unauthenticated` for a key that is not good, `Forbidden` for a suspended tenant and for
    /// acting for another one without a key of `system`, `TenantNotFound` for acting for none,
    /// `Unavailable` when the store does not say.
    pub async fn verify(&self, text: &str, from_loopback: bool, act_for: Option<&str>) -> Result<Verified> {
        let presented = Presented::parse(text).ok_or_else(|| unauthenticated("Invalid API key format"))?;
        if presented.environment == Environment::Dev && !from_loopback {
            return Err(unauthenticated("Invalid API key"));
        }
        let Known { value: key, remembered } = self.good_key(&presented).await?;
        let home = self.active_tenant(key.tenant.as_str(), remembered).await?;
        let remembered = remembered || home.remembered;
        let tenant = match act_for.or(key.acts_for.as_ref().map(TenantId::as_str)) {
            None => home,
            Some(_) if !home.value.is_system() => {
                self.deny_known(&home, "acting for another tenant");
                return Err(Error::new(ErrorKind::Forbidden, "Only a key of the tenant system can act for another"));
            }
            Some(TenantId::PUBLIC) => Known::read(Arc::new(Tenant::public()?)),
            Some(name) => self.active_tenant(name, remembered).await?,
        };
        Ok(Verified { key, remembered: remembered || tenant.remembered, tenant: tenant.value })
    }

    /// The key of a caller who was verified a moment ago; `None` for a text that is no key.
    ///
    /// # Errors
    /// As for [`verify`](Self::verify).
    pub async fn key_presented(&self, text: &str) -> Result<Option<Arc<ApiKey>>> {
        match Presented::parse(text) {
            Some(presented) => Ok(Some(self.good_key(&presented).await?.value)),
            None => Ok(None),
        }
    }

    /// The key that was presented, if it is one and it is live.
    async fn good_key(&self, presented: &Presented) -> Result<Known<Arc<ApiKey>>> {
        let monotonic = self.0.clock.monotonic();
        let (known, read) = match self.0.keys.get(&presented.id, monotonic) {
            Some(key) => (Known::read(key), None),
            None => {
                let ticket = self.0.keys.ticket(monotonic);
                match self.rows().key(&presented.id).await {
                    Ok(Some((stored, used))) => (Known::read(Arc::new(stored.value)), Some((ticket, used))),
                    Ok(None) => {
                        self.0.keys.gone(&ticket, &presented.id);
                        return Err(self.denied(&TenantId::SYSTEM.parse()?, "key unknown"));
                    }
                    Err(error) => (self.0.keys.or_lately(&presented.id, monotonic, error)?, None),
                }
            }
        };
        let (now, key) = (self.0.clock.now(), &known.value);
        // Good or not: what was read of it before must not stand for it any more.
        if let Some((ticket, _)) = &read {
            self.0.keys.put(ticket, key.id.clone(), Arc::clone(key));
        }
        let refused = |reason: &'static str| {
            // Nothing is counted of a tenant that may be removed by now.
            match known.remembered {
                true => unauthenticated("Invalid API key"),
                false => self.denied(&key.tenant, reason),
            }
        };
        if !key.hash.matches(&presented.hash) {
            return Err(refused("key wrong"));
        }
        if !key.is_live(now) {
            return Err(refused("key revoked or expired"));
        }
        if let Some((_, used)) = read {
            self.note_use(&key.id, used, now);
        }
        Ok(known)
    }

    /// A tenant that is not suspended, by its id or slug; from memory if the store was just found to be `away`, so
    /// that a caller waits for it once.
    pub(super) async fn active_tenant(&self, name: &str, away: bool) -> Result<Known<Arc<Tenant>>> {
        let memory = self.0.tenants.remembered(name, self.0.clock.monotonic()).filter(|_| away);
        let tenant = match memory {
            Some(tenant) => tenant,
            None => self.tenant_known(name).await?,
        };
        if tenant.value.status == TenantStatus::Active {
            return Ok(tenant);
        }
        self.deny_known(&tenant, "tenant suspended");
        Err(Error::new(ErrorKind::Forbidden, "The tenant is suspended"))
    }

    /// A tenant as it was at most a second ago, or lately if the store cannot be asked; `public` is always the
    /// same.
    ///
    /// # Errors
    /// `TenantNotFound`, or what the store says.
    pub async fn tenant_lately(&self, name: &str) -> Result<Arc<Tenant>> {
        match name {
            TenantId::PUBLIC => Ok(Arc::new(Tenant::public()?)),
            name => Ok(self.tenant_known(name).await?.value),
        }
    }

    async fn tenant_known(&self, name: &str) -> Result<Known<Arc<Tenant>>> {
        let now = self.0.clock.monotonic();
        if let Some(tenant) = self.0.tenants.get(name, now) {
            return Ok(Known::read(tenant));
        }
        let ticket = self.0.tenants.ticket(now);
        match self.tenant_find(name).await {
            Ok(stored) => {
                let tenant = Arc::new(stored.value);
                // Under all of its names, or what was read of it under another would be older.
                for name in std::iter::once(tenant.id.as_str()).chain(tenant.slugs().map(Slug::as_str)) {
                    self.0.tenants.put(&ticket, name.to_owned(), Arc::clone(&tenant));
                }
                Ok(Known::read(tenant))
            }
            Err(error) => {
                if error.kind() == ErrorKind::TenantNotFound {
                    self.0.tenants.gone(&ticket, name);
                }
                self.0.tenants.or_lately(name, now, error)
            }
        }
    }

    /// Writes down that a key was used, beside the request: neither its time nor its answer
    /// depends on it. Of all copies that try in one minute, one succeeds.
    fn note_use(&self, id: &KeyId, before: Option<Timestamp>, now: Timestamp) {
        let lately = |at: Timestamp| now.duration_since(at).as_secs() < USED_EVERY.as_secs().cast_signed();
        if before.is_some_and(lately) {
            return;
        }
        let rows = self.rows().clone();
        let write = used_put(id, before, now);
        self.0.beside.spawn(async move {
            match rows.commit(vec![write]).await {
                Ok(_) | Err(StoreError::Failed(_)) => {}
                Err(error) => tracing::debug!(%error, "the use of a key was not written down"),
            }
        });
    }

    /// Counts a refusal in the audit of a tenant that was read now: one that is remembered may be removed.
    pub(super) fn deny_known(&self, tenant: &Known<Arc<Tenant>>, reason: &'static str) {
        if !tenant.remembered {
            self.deny(&tenant.value.id, reason);
        }
    }

    fn denied(&self, tenant: &TenantId, reason: &'static str) -> Error {
        self.deny(tenant, reason);
        unauthenticated("Invalid API key")
    }

    /// Counts a refusal in the audit of `tenant`. The reasons are few, and name no caller.
    pub(crate) fn deny(&self, tenant: &TenantId, reason: impl Into<Cow<'static, str>>) {
        if self.0.denials.count(tenant, reason.into(), self.0.clock.now()) {
            let accounts = self.clone();
            tokio::spawn(async move {
                loop {
                    accounts.0.clock.sleep(denials::GATHER).await;
                    if let Err(error) = accounts.0.denials.write(accounts.rows()).await {
                        tracing::warn!(%error, "refusals were not written to the audit; they are tried again");
                    }
                    if accounts.0.denials.is_done() {
                        return;
                    }
                }
            });
        }
    }
}

/// Whether a name is a tenant's id; any other is a slug, since no slug has the form of an id.
pub(super) fn is_id(name: &str) -> bool {
    matches!(name, TenantId::SYSTEM | TenantId::DEFAULT) || Uuid::try_parse(name).is_ok()
}
