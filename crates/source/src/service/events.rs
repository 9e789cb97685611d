//! Who asked for what, gathered in memory and kept once a second.
//!
//! A crash loses the last second; so does a store that takes nothing for so long that the memory
//! for events is full. What is lost in the second way is counted: `freight_source_events_lost_total`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use base::{Ctx, Result, TenantId};
use jiff::Timestamp;

use super::known::lock;
use super::{Deps, Source};
use crate::model::event::Kind;
use crate::model::{Event, Level, Name};
use crate::store::events as kept;

/// How often what has gathered is kept.
const EVERY: Duration = Duration::from_secs(1);
/// So many events are held at most.
const HELD_MAX: usize = 100_000;

/// Reads of one caller and series in one minute.
type Reads = HashMap<(TenantId, String, Name, i64), u64>;

#[derive(Default)]
struct Gathered {
    writes: Vec<(TenantId, Event)>,
    reads: Reads,
}

/// Events that are not kept yet.
pub(crate) struct Events {
    deps: Deps,
    gathered: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    events: Mutex<Gathered>,
    /// Held while events are kept: who has waited for it knows that nothing is under way.
    keeping: tokio::sync::Mutex<()>,
}

impl Events {
    pub(crate) fn new(deps: Deps) -> Self {
        let gathered = Arc::new(Shared::default());
        tokio::spawn(keep_going(deps.clone(), Arc::downgrade(&gathered)));
        Self { deps, gathered }
    }

    pub(crate) fn read(&self, ctx: &Ctx, series: &Name) {
        let minute = Level::Minute.floor(ctx.now().as_microsecond());
        let key = (ctx.tenant.clone(), ctx.principal.as_str().to_owned(), series.clone(), minute);
        let mut gathered = lock(&self.gathered.events);
        if gathered.reads.len() < HELD_MAX {
            *gathered.reads.entry(key).or_default() += 1;
        } else {
            metrics::counter!("freight_source_events_lost_total").increment(1);
        }
    }
}

/// Keeps what has gathered, once a second, as long as somebody gathers.
async fn keep_going(deps: Deps, gathered: Weak<Shared>) {
    loop {
        deps.clock.sleep(EVERY).await;
        let Some(gathered) = gathered.upgrade() else { return };
        let minute = Level::Minute.floor(deps.clock.now().as_microsecond());
        if let Err(error) = flush(&deps, &gathered, minute).await {
            tracing::warn!(%error, "events are kept later");
        }
    }
}

/// Keeps the writes, and the reads of minutes before `minute`.
async fn flush(deps: &Deps, shared: &Shared, minute: i64) -> Result<()> {
    let _one_at_a_time = shared.keeping.lock().await;
    let (writes, reads) = {
        let mut gathered = lock(&shared.events);
        let writes = std::mem::take(&mut gathered.writes);
        let reads: Reads = gathered.reads.extract_if(|(_, _, _, at), _| *at < minute).collect();
        (writes, reads)
    };
    let mut of_tenant: HashMap<TenantId, Vec<Event>> = HashMap::new();
    for (tenant, event) in writes {
        of_tenant.entry(tenant).or_default().push(event);
    }
    for ((tenant, principal, series, at), count) in reads {
        let at = Timestamp::from_microsecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
        let series = Some(series.as_str().to_owned());
        let event = Event { at, kind: Kind::Reads, principal, series, status: None, bytes: 0, count };
        of_tenant.entry(tenant).or_default().push(event);
    }
    let mut failed = None;
    for (tenant, mut events) in of_tenant {
        if let Err(error) = kept::keep(&deps.store, &tenant, &mut events, deps.clock.now()).await {
            failed = Some(error);
            hold(&shared.events, events.into_iter().map(|event| (tenant.clone(), event)));
        }
    }
    failed.map_or(Ok(()), Err)
}

fn hold(gathered: &Mutex<Gathered>, events: impl IntoIterator<Item = (TenantId, Event)>) {
    let mut gathered = lock(gathered);
    for event in events {
        if gathered.writes.len() < HELD_MAX {
            gathered.writes.push(event);
        } else {
            metrics::counter!("freight_source_events_lost_total").increment(1);
        }
    }
}

/// What was answered to a write.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The status.
    pub status: u16,
    /// How many bytes of data were written.
    pub bytes: usize,
    /// How many records were written.
    pub records: usize,
}

impl Source {
    /// Remembers a write, for [`events`](Self::events).
    pub fn write_note(&self, ctx: &Ctx, series: Option<&Name>, outcome: Outcome) {
        let event = Event {
            at: ctx.now(),
            kind: Kind::WriteRequest,
            principal: ctx.principal.as_str().to_owned(),
            series: series.map(|name| name.as_str().to_owned()),
            status: Some(outcome.status),
            bytes: outcome.bytes as u64,
            count: outcome.records as u64,
        };
        hold(&self.events.gathered.events, [(ctx.tenant.clone(), event)]);
    }

    /// What was done in a stretch of time, by anybody of the tenant; at most `limit`, the oldest
    /// first.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn events(&self, ctx: &Ctx, stretch: (Timestamp, Timestamp), limit: usize) -> Result<Vec<Event>> {
        kept::read(&self.deps.store, &ctx.tenant, stretch, limit).await
    }

    /// Keeps everything that has gathered, now.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn events_flush(&self) -> Result<()> {
        flush(&self.events.deps, &self.events.gathered, i64::MAX).await
    }
}
