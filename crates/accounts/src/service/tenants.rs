//! Tenants: made, listed, changed, and sent on their way out.
//!
//! What is done to tenants is remembered in the audit of `system`: a tenant's own audit goes with
//! the tenant.

use base::store::{StoreError, When, Write};
use base::{Ctx, Error, ErrorKind, Page, Result, Scope, TenantId};
use jobs::{Engine, Job, NewJob};

use super::{Accounts, identify};
use crate::model::{NewEvent, NewTenant, Slug, Tenant, TenantPatch};
use crate::store::{Stored, slug_take, tenant_list, tenant_put};

impl Accounts {
    /// Makes a tenant. Of several that ask for one slug, one gets it.
    ///
    /// # Errors
    /// `Forbidden` without `tenants:admin`; `Invalid`; `Conflict` when the slug is taken.
    pub async fn tenant_create(&self, ctx: &Ctx, ask: NewTenant) -> Result<Stored<Tenant>> {
        ctx.require(Scope::TenantsAdmin)?;
        ask.check()?;
        let id: TenantId = ctx.uuid("tenant").to_string().parse()?;
        let tenant = Tenant::new(id, ask, ctx.now());
        let mut writes = tenant_writes(&tenant);
        writes.push(self.tenant_event(ctx, "tenant.created", &tenant)?);
        match self.rows().commit(writes).await {
            Ok(version) => {
                self.origins_add(&tenant.settings.cors_origins);
                Ok(Stored { value: tenant, version: Some(version) })
            }
            // The slug is taken; if by this very request, before it died, the work is done.
            Err(StoreError::Failed(_)) => match self.rows().tenant(&tenant.id).await? {
                Some(before) => Ok(before),
                None => Err(slug_taken(&tenant.slug)),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// A tenant, by its id or slug.
    ///
    /// # Errors
    /// `Forbidden` without `tenants:admin`; `TenantNotFound`.
    pub async fn tenant_get(&self, ctx: &Ctx, name: &str) -> Result<Stored<Tenant>> {
        ctx.require(Scope::TenantsAdmin)?;
        self.tenant_find(name).await
    }

    /// A page of all tenants, the oldest first.
    ///
    /// # Errors
    /// `Forbidden` without `tenants:admin`.
    pub async fn tenants_list(&self, ctx: &Ctx, after: Option<String>, limit: usize) -> Result<Page<Tenant>> {
        ctx.require(Scope::TenantsAdmin)?;
        self.rows().tenants(after, limit).await
    }

    /// How many tenants there are.
    ///
    /// # Errors
    /// `Forbidden` without `tenants:admin`.
    pub async fn tenants_count(&self, ctx: &Ctx) -> Result<u64> {
        ctx.require(Scope::TenantsAdmin)?;
        self.rows().tenants_count().await
    }

    /// Changes a tenant, if nobody has since it was read.
    ///
    /// # Errors
    /// `Forbidden` without `tenants:admin`; `Invalid`; `Conflict` when the slug is taken, when
    /// somebody changed it meanwhile, or for what may not be done to this tenant.
    pub async fn tenant_update(
        &self,
        ctx: &Ctx,
        stored: &Stored<Tenant>,
        patch: TenantPatch,
    ) -> Result<Stored<Tenant>> {
        ctx.require(Scope::TenantsAdmin)?;
        let new = stored.value.patched(patch, ctx.now())?;
        let event = self.tenant_event(ctx, "tenant.changed", &new)?;
        let mut writes = vec![tenant_put(&new, stored.unchanged()), event];
        if new.slug != stored.value.slug && !stored.value.slugs_before.contains(&new.slug) {
            writes.push(slug_take(&new.slug, &new.id));
        }
        let written = self.rows().commit(writes).await;
        self.0.tenants.clear();
        match written {
            Ok(version) => {
                self.origins_add(&new.settings.cors_origins);
                Ok(Stored { value: new, version: Some(version) })
            }
            Err(StoreError::Failed(which)) if which == [2] => Err(slug_taken(&new.slug)),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a tenant on its way out: it is suspended at once, and the job that removes all of it
    /// is durable. That job is of `system`, whose keys can follow it. Asked again, it is the same
    /// job, or another one if that failed.
    ///
    /// # Errors
    /// `Forbidden` without `tenants:admin`; `Conflict` for `system`, or when somebody changed the
    /// tenant since it was read.
    pub async fn tenant_delete(&self, ctx: &Ctx, engine: &Engine, stored: &Stored<Tenant>) -> Result<Job> {
        ctx.require(Scope::TenantsAdmin)?;
        let leaving = stored.value.leaving(ctx.now())?;
        let mut new = NewJob::new(crate::jobs::TENANT_DELETE, crate::jobs::params(&leaving.id));
        new.unique = Some(leaving.id.to_string());
        let event = self.tenant_event(ctx, "tenant.leaving", &leaving)?;
        new.writes = vec![tenant_put(&leaving, stored.unchanged()), event];
        let mut system = ctx.clone();
        system.tenant = TenantId::SYSTEM.parse()?;
        let enqueued = engine.job_enqueue(&system, new).await;
        // Also when the answer was an error: it may have been applied.
        self.0.tenants.clear();
        Ok(enqueued?.job)
    }

    /// A tenant, by its id or slug, whoever asks.
    pub(super) async fn tenant_find(&self, name: &str) -> Result<Stored<Tenant>> {
        let unknown = || {
            let message = format!("Tenant {} not found", base::id::shown(name));
            Error::new(ErrorKind::TenantNotFound, message)
        };
        let id = match name.parse::<TenantId>() {
            Err(_) => return Err(unknown()),
            Ok(id) if identify::is_id(name) => id,
            Ok(_) => self.rows().slug(name).await?.ok_or_else(unknown)?,
        };
        self.rows().tenant(&id).await?.ok_or_else(unknown)
    }

    /// The write that remembers that a tenant and all of it are gone.
    pub(crate) fn tenant_gone(&self, tenant: &Tenant, items_removed: i64) -> Result<Write> {
        let ctx = self.own_ctx()?;
        let event = NewEvent::new("tenant.deleted", tenant.id.as_str())
            .with("slug", tenant.slug.as_str())
            .with("items_removed", items_removed);
        Ok(self.audit_write(&ctx, event))
    }

    pub(super) fn tenant_event(&self, ctx: &Ctx, action: &'static str, tenant: &Tenant) -> Result<Write> {
        let event = NewEvent::new(action, tenant.id.as_str())
            .with("slug", tenant.slug.as_str())
            .with("status", tenant.status.as_str());
        Ok(self.audit_write_in(&TenantId::SYSTEM.parse()?, ctx, event))
    }
}

/// All that is written for a new tenant, but for its event.
pub(super) fn tenant_writes(tenant: &Tenant) -> Vec<Write> {
    vec![tenant_put(tenant, When::Absent), tenant_list(tenant), slug_take(&tenant.slug, &tenant.id)]
}

fn slug_taken(slug: &Slug) -> Error {
    Error::conflict(format!("The slug {slug} is taken"))
}
