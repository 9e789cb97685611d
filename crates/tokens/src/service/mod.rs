//! Resources, and reading them. What is known of a public chain is the same for everybody: it is kept once,
//! in the tenant `public`.
//!
//! - [`chart`]: the market of a token.

pub mod chart;

use std::sync::Arc;

use base::{Ctx, Result, TenantId};
use jobs::{Engine, Registry};
use readthrough::{Asked, Outcome, Reader};

use crate::model::{Address, Chain, Frequency};
use crate::outbound::gecko::Gecko;

/// What the service is made of, besides the engine.
#[derive(Clone)]
pub struct Deps {
    /// What answers are kept with.
    pub kept: readthrough::Deps,
    /// Who is asked about markets.
    pub gecko: Gecko,
}

/// Token analytics.
pub struct Tokens {
    public: TenantId,
    charts: Reader,
}

/// Teaches the engine the kinds of this service.
pub fn register(registry: &mut Registry, deps: &Deps) {
    readthrough::register(registry, &deps.kept, Arc::new(chart::Charts::new(deps.gecko.clone())));
}

impl Tokens {
    /// The service; `engine` knows its kinds (see [`register`]).
    ///
    /// # Errors
    /// Never, as long as `public` can name a tenant.
    pub fn new(deps: Deps, engine: Arc<Engine>) -> Result<Arc<Self>> {
        let charts = Arc::new(chart::Charts::new(deps.gecko));
        let charts = Reader::new(deps.kept, engine, charts);
        Ok(Arc::new(Self { public: TenantId::PUBLIC.parse()?, charts }))
    }

    /// The chart of a token's market.
    ///
    /// # Errors
    /// As for [`Reader::read`].
    pub async fn chart_get(
        &self,
        ctx: &Ctx,
        (chain, token): (Chain, &Address),
        frequency: Frequency,
        asked: Asked,
    ) -> Result<Outcome> {
        let subject = chart::subject(chain, token, frequency);
        self.charts.read(ctx, &self.public, &subject, asked).await
    }

    /// Waits for what is done beside requests: to be called before the process stops.
    pub async fn settle(&self) {
        self.charts.settle().await;
    }
}
