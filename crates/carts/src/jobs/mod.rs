//! What the service teaches the engine to do.
//!
//! - [`query`]: `carts.query`, which fills a cart. [`combine`]: `carts.combine`, which replaces what lies
//!   in one. [`remove`]: `carts.remove`, what is left of a deleted one.
//!
//! Whose jobs they are is the principal, not the tenant: only who sees jobs of every kind sees those of
//! others.

pub mod combine;
pub mod query;
pub mod remove;

use std::sync::Arc;

use base::TenantId;
use jobs::{Class, Failure, Job, Registry, Run};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::{Cart, Catalog, Op, View};
use crate::service::Deps;
use crate::store::Heads;

/// Filling a cart by a query: the kind of job.
pub const QUERY: &str = "carts.query";
/// Combining two carts: the kind of job.
pub const COMBINE: &str = "carts.combine";
/// Removing what is left of a deleted cart: the kind of job.
pub const REMOVE: &str = "carts.remove";

/// What a query is asked to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QueryParams {
    /// Which cart it fills.
    pub cart: Uuid,
    /// What the caller sees.
    pub view: View,
    /// Records of which dataset.
    pub entity_type: String,
    /// Which of them, as it was sent.
    pub filters: String,
    /// At most so many.
    pub limit: u64,
}

/// What a combination is asked to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CombineParams {
    /// Which cart it changes.
    pub cart: Uuid,
    /// What lay in it when that was asked for.
    pub contents: Uuid,
    /// The stamps of its counts at that moment.
    pub seen: Vec<Uuid>,
    /// What it is combined with.
    pub with: Uuid,
    /// How.
    pub op: Op,
    /// Where the result is put.
    pub into: Uuid,
}

/// What a removal is asked to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RemoveParams {
    /// Which cart it was.
    pub cart: Uuid,
    /// What lay in it.
    pub contents: Uuid,
}

/// Teaches the engine the kinds of this service.
pub fn register(registry: &mut Registry, deps: &Deps) {
    let kit = Arc::new(Kit { heads: Heads::new(deps.store.clone()), catalog: deps.catalog.clone() });
    registry.job(Arc::new(query::Query::new(kit.clone())));
    registry.job(Arc::new(combine::Combine::new(kit.clone())));
    registry.job(Arc::new(remove::Remove::new(kit)));
}

/// What the kinds work with.
pub struct Kit {
    heads: Heads,
    catalog: Arc<dyn Catalog>,
}

impl Kit {
    /// The cart that a run works for. When it was deleted, the job is over.
    async fn cart(&self, run: &Run, cart: Uuid) -> Result<Cart, Failure> {
        if let Some(cart) = self.heads.get(run.tenant(), cart).await? {
            return Ok(cart);
        }
        run.job_cancel().await?;
        Err(Failure::new(Class::Abandoned, "the cart was deleted"))
    }

    /// The cart that a job was for, if it is still there.
    async fn cart_of(&self, tenant: &TenantId, cart: Uuid) -> Result<Option<Cart>, Failure> {
        Ok(self.heads.get(tenant, cart).await?)
    }
}

fn params<T: DeserializeOwned>(job: &Job) -> Result<T, Failure> {
    serde_json::from_str(&job.params).map_err(|error| Failure::permanent(format!("unreadable parameters: {error}")))
}

fn text(payload: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(payload).map_err(|error| Failure::permanent(error.to_string()))
}
