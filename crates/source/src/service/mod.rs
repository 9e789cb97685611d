//! Operations: authorize, decide, store.
//!
//! - [`known`]: what this process need not ask the store for. [`write`](mod@write): records in.
//! - [`window`]: figures of a stretch of time, from partials and records. [`expose`]: the five
//!   questions of the seed. [`series`]: which series there are. [`records`]: the records themselves.
//! - [`events`]: who asked for what.

pub mod events;
pub mod expose;
pub mod known;
pub mod records;
pub mod series;
pub mod window;
pub mod write;

use std::sync::Arc;

use ::jobs::{Engine, NewTask, OnTaken, Priority};
use base::{Clock, Error, Result, Store, TenantId};

use crate::jobs::{ROLL, RollParams, SETTLED};
use crate::model::Name;
use crate::store::Shelf;
use crate::store::heads::{Head, Heads};
use events::Events;
use known::{Known, Place};

/// What the service is made of, besides the engine.
#[derive(Clone)]
pub struct Deps {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// The service: raw measurements in, windows out.
pub struct Source {
    deps: Deps,
    engine: Arc<Engine>,
    heads: Heads,
    known: Known,
    events: Events,
}

impl Source {
    /// The service; `engine` knows its kinds (see [`register`](crate::register)).
    pub fn new(deps: Deps, engine: Arc<Engine>) -> Arc<Self> {
        let heads = Heads::new(deps.store.clone());
        let events = Events::new(deps.clone());
        Arc::new(Self { heads, known: Known::default(), events, deps, engine })
    }

    fn shelf(&self, tenant: &TenantId, series: &Name) -> Shelf {
        Shelf::new(self.deps.store.clone(), tenant.clone(), series.clone())
    }

    /// A series that is there.
    async fn head(&self, tenant: &TenantId, series: &Name) -> Result<Head> {
        let head = self.heads.get(tenant, series).await?;
        head.ok_or_else(|| Error::not_found(format!("Series {} not found", base::id::shown(series.as_str()))))
    }

    /// Wakes a roller for the marks of a series that are durable now: it is looked at by a run that
    /// has not begun yet. That it could not be woken is no failure of who wrote: the minutes are read
    /// from records until the next one wakes it.
    async fn roll_wake(&self, place: &Place) {
        let asked = self.known.moment();
        let turn = self.known.turn(place).await;
        if self.known.woken_since(place, asked) {
            return;
        }
        let begun = self.known.moment();
        match self.roll_enqueue(&place.0, &place.1).await {
            Ok(()) => self.known.woken(place, begun),
            Err(error) => tracing::warn!(%error, series = %place.1, "a roller is woken later"),
        }
        drop(turn);
    }

    async fn roll_enqueue(&self, tenant: &TenantId, series: &Name) -> Result<()> {
        let params = RollParams { series: series.as_str().to_owned() };
        let task = NewTask {
            priority: Priority::Low,
            delay: SETTLED,
            unique: Some((series.as_str().to_owned(), OnTaken::Again)),
            ..NewTask::new(ROLL, serde_json::to_string(&params).map_err(Error::internal)?)
        };
        self.engine.task_enqueue(tenant, task, Vec::new()).await.map(drop)
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}
