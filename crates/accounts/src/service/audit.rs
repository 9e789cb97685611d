//! The audit: written with each change, read by the tenant's administrators.

use base::store::Write;
use base::{Ctx, Page, Result, Scope, TenantId};

use super::Accounts;
use crate::model::{Entry, NewEvent};
use crate::store::event_put;

impl Accounts {
    /// The write that remembers `event` in the audit of the caller's tenant, to be put into the
    /// same transaction as the change itself.
    pub fn audit_write(&self, ctx: &Ctx, event: NewEvent) -> Write {
        self.audit_write_in(&ctx.tenant, ctx, event)
    }

    pub(super) fn audit_write_in(&self, tenant: &TenantId, ctx: &Ctx, event: NewEvent) -> Write {
        event_put(tenant, &event.by(ctx))
    }

    /// A page of the tenant's audit, the newest first.
    ///
    /// # Errors
    /// `Forbidden` without `keys:admin`.
    pub async fn audit_list(&self, ctx: &Ctx, after: Option<String>, limit: usize) -> Result<Page<Entry>> {
        ctx.require(Scope::KeysAdmin)?;
        // What this process refused so far is shown at once; if it cannot be written, the list
        // below says what is wrong with the store.
        if let Err(error) = self.0.denials.write(self.rows()).await {
            tracing::debug!(%error, "refusals were not written to the audit");
        }
        self.rows().audit(&ctx.tenant, after, limit).await
    }
}
