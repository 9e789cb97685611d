//! What the service teaches the engine to do.
//!
//! - [`fetch`]: `ingest.fetch`, a run: calls to a source, planned as batches. [`call`]: one batch
//!   of it, step by step. [`scan`]: where that is a page of a table. [`trouble`]: what a failed call
//!   means.
//! - [`remove`]: `ingest.remove`, what is left of a deleted dataset.

pub mod call;
pub mod fetch;
pub mod remove;
mod scan;
pub mod trouble;

use std::sync::Arc;

use base::TenantId;
use jobs::Registry;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::run::CALLS_DEFAULT;
use crate::model::{Name, Sizes};
use crate::outbound::{Caller, Paces, Tables};
use crate::service::{Catalog, Deps, Settings};

/// A run: the kind of job.
pub const FETCH: &str = "ingest.fetch";
/// The sweep of a deleted dataset: the kind of job.
pub const REMOVE: &str = "ingest.remove";

/// What a run is asked to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FetchParams {
    /// Which dataset.
    pub dataset: Name,
    /// How many calls.
    pub calls: u32,
    /// How many records each asks for.
    pub sizes: Sizes,
}

impl FetchParams {
    /// What a schedule asks for.
    pub fn of(dataset: Name) -> Self {
        Self { dataset, calls: CALLS_DEFAULT, sizes: Sizes::default() }
    }
}

/// What a sweep is asked to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RemoveParams {
    /// What the dataset was called.
    pub dataset: Name,
    /// Which life of it.
    pub id: Uuid,
}

/// Teaches the engine the kinds of this service.
pub fn register(registry: &mut Registry, deps: &Deps) {
    let kit = Arc::new(Kit {
        catalog: deps.catalog(),
        caller: Caller::new(Arc::new(deps.settings.guard.clone()), deps.clock.clone(), deps.lookup.clone()),
        paces: Paces::new(deps.clock.clone()),
        tables: deps.tables.clone(),
        settings: deps.settings.clone(),
        clock: deps.clock.clone(),
    });
    registry.job(Arc::new(fetch::Fetch::new(kit.clone())));
    registry.job(Arc::new(remove::Remove::new(kit)));
}

/// What the kinds work with.
#[derive(Debug)]
pub struct Kit {
    catalog: Catalog,
    caller: Caller,
    paces: Paces,
    tables: Arc<dyn Tables>,
    settings: Arc<Settings>,
    clock: Arc<dyn base::Clock>,
}

impl Kit {
    /// The credential that a source of the tenant may send to this host.
    fn credential(&self, tenant: &TenantId, name: &str, host: Option<&str>) -> Option<&base::Secret<String>> {
        let sent = |credential: &&crate::service::Credential| {
            credential.tenant == *tenant && credential.name == name && host == Some(&credential.host)
        };
        self.settings.credentials.iter().find(sent).map(|credential| &credential.value)
    }
}
