//! What an empty store begins with: the tenants `system` and `default`, and one key.
//!
//! The key is of `system` and may do everything; where the caller names no tenant it acts for
//! `default`, so that a single team needs no second key and its data are not the platform's. All
//! of it is one transaction on the condition that `system` is absent: of two processes that start
//! at once, one makes it, and a process that dies on the way has made nothing. One that dies after
//! it, before anybody read the key, is what [`Accounts::key_recover`] is for.

use base::store::{StoreError, When};
use base::{Ctx, Result, TenantId};

use super::{Accounts, tenants};
use crate::model::{ApiKey, MadeKey, NewKey, NewTenant, Role, Settings, Slug, Tenant};

impl Accounts {
    /// Makes the first tenants and key; `None` if they are there. The key is shown this once. To
    /// be called at every start, before requests are served.
    ///
    /// # Errors
    /// What the store says.
    pub async fn bootstrap(&self) -> Result<Option<MadeKey>> {
        let ctx = self.own_ctx()?;
        if self.rows().tenant(&ctx.tenant).await?.is_some() {
            self.origins_read().await?;
            return Ok(None);
        }
        let default: TenantId = TenantId::DEFAULT.parse()?;
        let made = ApiKey::make(first_key("First key", &default), ctx.tenant.clone(), &ctx);
        let mut writes = tenants::tenant_writes(&named(&ctx.tenant, "Platform", &ctx));
        writes.extend(tenants::tenant_writes(&named(&default, "Default", &ctx)));
        writes.extend(self.key_writes(&ctx, &made.key, "key.created", When::Absent));
        match self.rows().commit(writes).await {
            Ok(_) => Ok(Some(made)),
            Err(StoreError::Failed(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a key without being asked by anybody who holds one: for whoever holds the store
    /// itself and lost the keys. Without a tenant it is one like the first.
    ///
    /// # Errors
    /// `TenantNotFound`; `Invalid` for scopes that the tenant cannot hold.
    pub async fn key_recover(&self, tenant: Option<&str>, ask: NewKey) -> Result<MadeKey> {
        let ctx = self.own_ctx()?;
        let (owner, ask) = match tenant {
            Some(name) => (self.tenant_find(name).await?.value.id, ask),
            None => {
                let default = self.tenant_find(TenantId::DEFAULT).await?.value.id;
                (ctx.tenant.clone(), NewKey { acts_for: Some(default), ..ask })
            }
        };
        self.key_make(&ctx, &owner, ask, "key.recovered", Vec::new()).await
    }
}

fn first_key(name: &str, default: &TenantId) -> NewKey {
    NewKey { acts_for: Some(default.clone()), ..NewKey::new(name, Role::Platform.scopes()) }
}

fn named(id: &TenantId, name: &str, ctx: &Ctx) -> Tenant {
    let ask = NewTenant { name: name.to_owned(), slug: Slug::of(id), settings: Settings::default() };
    Tenant::new(id.clone(), ask, ctx.now())
}
