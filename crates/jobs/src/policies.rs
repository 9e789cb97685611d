//! Retry policies that a tenant has set for a kind, in place of the kind's own.

use base::key;
use base::store::{Body, Key, Query, StoreError, Write};
use base::{Ctx, Error, Result, StoreExt as _, TenantId};

use crate::rows::{self, JOBS};
use crate::{Engine, Policy};

impl Engine {
    /// The policies in force for the tenant, by kind.
    ///
    /// # Errors
    /// What the store says.
    pub async fn policy_list(&self, tenant: &TenantId) -> Result<Vec<(String, Policy)>> {
        let set = self.store.query_all(Query::new(JOBS, partition(tenant))).await?;
        let kinds = self.registry.jobs.keys().chain(self.registry.tasks.keys());
        Ok(kinds
            .map(|kind| {
                let own = set.iter().find(|item| item.key.sort == key![kind]);
                let own = own.and_then(rows::decode);
                ((*kind).to_owned(), own.unwrap_or_else(|| self.registry.policy(kind)))
            })
            .collect())
    }

    /// Sets a policy for a kind.
    ///
    /// # Errors
    /// `NotFound` for an unknown kind, `Invalid` for a value out of range.
    pub async fn policy_put(&self, ctx: &Ctx, kind: &str, policy: Policy) -> Result<()> {
        if !self.registry.knows(kind) {
            return Err(Error::not_found(format!("Kind {} not found", base::id::shown(kind))));
        }
        let data = rows::encode(&policy.check()?);
        self.store.write(vec![Write::put(policy_key(&ctx.tenant, kind), Body::data(data))]).await?;
        Ok(())
    }

    /// The policy in force. Read only when something failed.
    pub(crate) async fn policy_of(&self, tenant: &TenantId, kind: &str) -> Result<Policy, StoreError> {
        let item = self.store.get(policy_key(tenant, kind)).await?;
        let own = item.as_ref().and_then(rows::decode);
        Ok(own.unwrap_or_else(|| self.registry.policy(kind)))
    }
}

pub(crate) fn partition(tenant: &TenantId) -> String {
    key![tenant, "policies"]
}

fn policy_key(tenant: &TenantId, kind: &str) -> Key {
    Key::new(JOBS, partition(tenant), key![kind])
}
