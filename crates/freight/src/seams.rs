//! Traits that one service owns and another implements: what crosses services crosses here.
//!
//! Accounts removes tenants and asks what every service holds of one ([`Holders`]); operations
//! changes jobs and has it remembered in the audit that accounts keeps ([`Trail`]); carts hold records of
//! the datasets that ingest keeps ([`Datasets`]); accounts has people signed in by whoever does it, such
//! as a user pool of Cognito ([`UserPool`]).
//!
//! The engine is made after its kinds were registered, and one of those kinds asks the engine: so
//! the engine is filled in afterwards.

mod user_pool;

use std::sync::{Arc, OnceLock, Weak};

use accounts::model::NewEvent;
use accounts::{Accounts, Holdings, Partition};
use async_trait::async_trait;
use base::store::Table;
use base::{Ctx, Error, Page, Result, Store, TenantId};
use carts::model::catalog::Records;
use carts::model::{Catalog, Found, View};
use ingest::model::Dataset;
use ingest::service::records::{Walk, Walked};
use ingest::store::head::Heads;
use jobs::Engine;
use operations::{Act, Audit};

use crate::ground::Ground;

pub use user_pool::UserPool;

/// Gives out the holders, and learns later who the engine is.
#[derive(Default)]
pub struct Holders {
    engine: Arc<OnceLock<Weak<Engine>>>,
}

impl Holders {
    /// Every service but accounts, which knows its own.
    pub fn all(&self, ground: &Ground) -> Vec<Arc<dyn Holdings>> {
        let reservations = |tenant: &TenantId| named(web::idempotency::partitions(tenant));
        let answers = |tenant: &TenantId| named(readthrough::store::partitions(tenant));
        vec![
            Arc::new(OfEngine(self.engine.clone())),
            Arc::new(OfIngest(Heads::new(ground.store.clone()))),
            Arc::new(OfSource(ground.store.clone())),
            Arc::new(OfCarts(ground.store.clone())),
            Arc::new(reservations),
            Arc::new(answers),
        ]
    }

    /// The engine that was made; the first call counts.
    pub fn engine_is(&self, engine: &Arc<Engine>) {
        self.engine.get_or_init(|| Arc::downgrade(engine));
    }
}

/// Weak, since the engine's registry holds the job that holds this.
struct OfEngine(Arc<OnceLock<Weak<Engine>>>);

#[async_trait]
impl Holdings for OfEngine {
    async fn partitions(&self, tenant: &TenantId, after: Option<String>) -> Result<Page<Partition>> {
        let engine = self.0.get().and_then(Weak::upgrade);
        let engine = engine.ok_or_else(|| Error::unavailable("the engine is not there"))?;
        Ok(engine.partitions(tenant, after).await?.map(|(table, partition)| Partition::new(table, partition)))
    }
}

struct OfIngest(Heads);

#[async_trait]
impl Holdings for OfIngest {
    async fn partitions(&self, tenant: &TenantId, _after: Option<String>) -> Result<Page<Partition>> {
        Ok(Page { items: named(self.0.partitions(tenant).await?), next: None })
    }
}

struct OfSource(Arc<dyn Store>);

#[async_trait]
impl Holdings for OfSource {
    async fn partitions(&self, tenant: &TenantId, after: Option<String>) -> Result<Page<Partition>> {
        let page = source::store::partitions(&self.0, tenant, after).await?;
        Ok(page.map(|(table, partition)| Partition::new(table, partition)))
    }
}

struct OfCarts(Arc<dyn Store>);

#[async_trait]
impl Holdings for OfCarts {
    async fn partitions(&self, tenant: &TenantId, after: Option<String>) -> Result<Page<Partition>> {
        let page = carts::store::held::partitions(&self.0, tenant, after).await?;
        Ok(page.map(|(table, partition)| Partition::new(table, partition)))
    }
}

/// The datasets of ingest as the catalog of carts. Sessions see the public ones of the tenant `default`.
pub struct Datasets(pub ingest::service::Catalog);

impl Datasets {
    /// A dataset that is seen, and whose it is.
    async fn find(&self, view: &View, name: &str) -> Result<Option<(TenantId, Dataset)>> {
        let Ok(name) = name.parse() else { return Ok(None) };
        let tenant = if view.anonymous { TenantId::DEFAULT.parse()? } else { view.tenant.clone() };
        let found = self.0.find(&tenant, &name).await?.map(|stamped| stamped.dataset);
        let seen = found.filter(|dataset| !view.anonymous || dataset.definition.public);
        Ok(seen.map(|dataset| (tenant, dataset)))
    }
}

#[async_trait]
impl Catalog for Datasets {
    async fn knows(&self, view: &View, dataset: &str) -> Result<bool> {
        Ok(self.find(view, dataset).await?.is_some())
    }

    async fn read(&self, view: &View, dataset: &str, after: Option<String>) -> Result<Box<dyn Records>> {
        let found = self.find(view, dataset).await?;
        let missing = || Error::not_found(format!("Dataset {} not found", base::id::shown(dataset)));
        let (tenant, dataset) = found.ok_or_else(missing)?;
        Ok(Box::new(Walking(self.0.walk(&tenant, &dataset, view.sensitive, after).await?)))
    }
}

struct Walking(Walk);

#[async_trait]
impl Records for Walking {
    async fn next(&mut self) -> Result<Option<Found>> {
        let next = self.0.next().await?;
        Ok(next.map(|Walked { key, place, text }| Found { id: key, text, place }))
    }
}

fn named(partitions: Vec<(Table, String)>) -> Vec<Partition> {
    partitions.into_iter().map(|(table, partition)| Partition::new(table, partition)).collect()
}

/// Remembers in the accounts' audit what was done to jobs.
pub struct Trail {
    /// Whose audit it is.
    pub accounts: Accounts,
    /// Where it is kept.
    pub store: Arc<dyn Store>,
}

#[async_trait]
impl Audit for Trail {
    async fn record(&self, ctx: &Ctx, act: Act) -> Result<()> {
        let event = NewEvent::new(act.action, act.subject);
        let event = act.details.into_iter().fold(event, |event, (name, value)| event.with(&name, value));
        self.store.write(vec![self.accounts.audit_write(ctx, event)]).await?;
        Ok(())
    }
}
