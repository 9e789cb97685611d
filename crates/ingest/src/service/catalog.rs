//! Which datasets a tenant has.
//!
//! Those that somebody made are heads in the store. Those that are built in exist for every tenant
//! without being stored, until the first write makes their head; where their records come from is
//! always said by the configuration, never by the head, since the configuration may change.

use std::sync::Arc;

use base::store::{StoreError, Table};
use base::{Error, ErrorKind, Result, Store, TenantId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::model::{Dataset, Definition, Name};
use crate::service::Settings;
use crate::store::head::{Heads, Stamped};
use crate::store::{Shelf, sweep};

/// Looks datasets up.
#[derive(Clone)]
pub struct Catalog {
    store: Arc<dyn Store>,
    heads: Heads,
    settings: Arc<Settings>,
}

impl Catalog {
    pub(crate) fn new(store: Arc<dyn Store>, heads: Heads, settings: Arc<Settings>) -> Self {
        Self { store, heads, settings }
    }

    pub(crate) fn heads(&self) -> &Heads {
        &self.heads
    }

    /// Where the records of a dataset are.
    pub fn shelf(&self, tenant: &TenantId, id: Uuid) -> Shelf {
        Shelf::new(self.store.clone(), tenant.clone(), id)
    }

    /// Empties a partition of a dataset that is gone.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn empty(&self, table: Table, partition: &str) -> Result<u64, StoreError> {
        sweep::empty(self.store.as_ref(), table, partition).await
    }

    /// What is built in under this name.
    pub fn builtin(&self, name: &Name) -> Option<&Definition> {
        self.settings.builtin.iter().find(|definition| definition.name == *name)
    }

    /// A dataset, if there is one of this name. One that is built in and was never written to has
    /// a nil id and no stamp: it is empty, whatever is asked of it.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn find(&self, tenant: &TenantId, name: &Name) -> Result<Option<Stamped>> {
        match (self.heads.get(tenant, name).await?, self.builtin(name)) {
            (Some(stored), builtin) => Ok(Some(current(stored, builtin))),
            (None, Some(builtin)) => Ok(Some(unwritten(builtin))),
            (None, None) => Ok(None),
        }
    }

    /// A dataset.
    ///
    /// # Errors
    /// `NotFound`; what the store fails with.
    pub async fn get(&self, tenant: &TenantId, name: &Name) -> Result<Stamped> {
        self.find(tenant, name).await?.ok_or_else(|| Error::not_found(format!("Dataset {name} not found")))
    }

    /// A dataset that can be written to: one that is built in gets its head, with this id.
    ///
    /// # Errors
    /// `NotFound`; what the store fails with.
    pub async fn written(&self, tenant: &TenantId, name: &Name, id: Uuid, at: Timestamp) -> Result<Stamped> {
        let found = self.get(tenant, name).await?;
        if !found.dataset.id.is_nil() {
            return Ok(found);
        }
        let dataset = Dataset { id, created_at: at, updated_at: at, ..found.dataset };
        match self.heads.create(tenant, &dataset).await {
            Ok(()) => {}
            // Somebody was faster; theirs is the one.
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            Err(error) => return Err(error),
        }
        self.get(tenant, name).await
    }

    /// Datasets that are built in and have no head, for lists.
    pub(crate) fn unwritten(&self) -> impl Iterator<Item = Stamped> + '_ {
        self.settings.builtin.iter().map(unwritten)
    }

    /// A stored head, with what the configuration says of it now.
    pub(crate) fn current(&self, stored: Stamped) -> Stamped {
        let builtin = self.builtin(stored.dataset.name());
        current(stored, builtin)
    }
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalog").field("builtin", &self.settings.builtin).finish_non_exhaustive()
    }
}

fn unwritten(builtin: &Definition) -> Stamped {
    let at = Timestamp::UNIX_EPOCH;
    let dataset = Dataset { definition: builtin.clone(), id: Uuid::nil(), created_at: at, updated_at: at };
    Stamped { dataset, version: None }
}

/// Of a built-in dataset the tenant decides who sees what, and when it is fetched.
fn current(mut stored: Stamped, builtin: Option<&Definition>) -> Stamped {
    if let Some(builtin) = builtin {
        let kept = std::mem::replace(&mut stored.dataset.definition, builtin.clone());
        let definition = &mut stored.dataset.definition;
        definition.public = kept.public;
        definition.redact = kept.redact;
        if let Some(source) = &mut definition.source {
            source.schedule = kept.source.and_then(|source| source.schedule);
        }
    }
    stored
}
