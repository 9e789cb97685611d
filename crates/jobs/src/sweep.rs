//! The sweep: why a lost ring makes work late, never lost.
//!
//! It walks the directory of tenants with work, a few due items of each tenant in turn, and rings
//! for what is due. A ring too many costs a claim that is refused. Items of tasks that run stay
//! where they are, so that a lease whose holder died is come across as well.

use std::time::Duration;

use base::queue::{Ring, Topic};
use base::store::{Item, Key, Query, Range, StoreError, Write};
use base::{Result, StoreExt as _, TaskId, TenantId};
use jiff::Timestamp;

use crate::engine::{MARK_LASTS, lock};
use crate::rows::task::{
    DUE_SHARDS, State, TaskRow, directory_partition, due_partition, row_key, task_of_sort, topic_name,
};
use crate::rows::{DUE, TASKS};
use crate::{Engine, Priority};

/// Of each tenant, topic and shard, at most so many are rung for in one sweep.
const RINGS_MAX: usize = 128;

/// So many of the oldest tasks of a shard are looked at to find one that nobody works on.
const LOOKED_AT_MAX: usize = 25;

impl Engine {
    /// Looks once through all topics. Returns whether more is due than was rung for.
    ///
    /// # Errors
    /// What the store says.
    pub async fn sweep(&self) -> Result<bool> {
        metrics::counter!("freight_sweeps_total").increment(1);
        self.room_elsewhere().await;
        let mut more = false;
        for priority in Priority::ALL {
            more |= self.sweep_topic(*priority).await?;
        }
        Ok(more)
    }

    async fn sweep_topic(&self, priority: Priority) -> Result<bool> {
        let topic = topic_name(priority);
        let (mut more, mut after) = (false, None);
        loop {
            let query = Query::new(TASKS, directory_partition(topic)).limit(1_000).after(after);
            let slice = self.store.query(query).await?;
            for entry in &slice.items {
                let Some(tenant) = entry.text("tenant").and_then(|text| text.parse::<TenantId>().ok()) else {
                    continue;
                };
                let found = match self.sweep_tenant(topic, &tenant).await {
                    Ok(found) => found,
                    // One tenant's damage must not hide the work of those behind it.
                    Err(error) => {
                        tracing::warn!(%error, %tenant, "cannot sweep a tenant");
                        continue;
                    }
                };
                more |= found.more;
                let marked = crate::rows::task::instant(entry.int("marked"));
                if found.empty && base::clock::add(marked, MARK_LASTS) < self.clock.now() {
                    self.unmark(Write::delete(entry.key.clone()).when(entry.unchanged())).await?;
                }
            }
            match slice.next {
                Some(next) => after = Some(next),
                None => return Ok(more),
            }
        }
    }

    async fn sweep_tenant(&self, topic: &'static str, tenant: &TenantId) -> Result<Found> {
        let mut found = Found { more: false, empty: true };
        for shard in 0..DUE_SHARDS {
            let mut after = None;
            loop {
                let slice = self.store.query(self.due_query(tenant, topic, shard).after(after)).await?;
                found.empty &= slice.items.is_empty();
                let ids: Vec<_> = slice.items.iter().filter_map(|item| task_of_sort(&item.key.sort)).collect();
                let waiting: Vec<_> = {
                    let (running, room) = (lock(&self.running), lock(&self.room));
                    ids.into_iter().filter(|id| !running.contains_key(id) && !room.is_awaited_by(*id)).collect()
                };
                let none_waits = waiting.is_empty();
                let rings: Vec<Ring> = waiting
                    .into_iter()
                    .map(|task| Ring { task, group: tenant.clone(), delay: Duration::ZERO })
                    .collect();
                if !rings.is_empty() {
                    self.queue.send(&Topic::new(topic), rings).await?;
                }
                match slice.next {
                    // Everything on this page runs here already: look behind it.
                    Some(next) if none_waits => after = Some(next),
                    next => {
                        found.more |= next.is_some();
                        break;
                    }
                }
            }
            found.empty &= self.nothing_later(topic, tenant, shard).await?;
        }
        Ok(found)
    }

    /// What is due now in a shard, the oldest first.
    pub(crate) fn due_query(&self, tenant: &TenantId, topic: &str, shard: u32) -> Query {
        let now = base::clock::add(self.clock.now(), Duration::from_micros(1));
        let range = Range::Between(base::key![Timestamp::UNIX_EPOCH], base::key![now]);
        Query::new(DUE, due_partition(tenant, topic, shard)).range(range).limit(RINGS_MAX)
    }

    /// The tenants that may have work in a topic.
    pub(crate) async fn tenants_with_work(&self, topic: &str) -> Result<Vec<TenantId>, StoreError> {
        let entries = self.store.query_all(Query::new(TASKS, directory_partition(topic)).limit(1_000)).await?;
        Ok(entries.iter().filter_map(|entry| entry.text("tenant")?.parse().ok()).collect())
    }

    async fn nothing_later(&self, topic: &str, tenant: &TenantId, shard: u32) -> Result<bool, StoreError> {
        let query = Query::new(DUE, due_partition(tenant, topic, shard)).limit(1);
        Ok(self.store.query(query).await?.items.is_empty())
    }

    pub(crate) async fn unmark(&self, write: Write) -> Result<(), StoreError> {
        match self.store.write(vec![write]).await {
            Ok(_) | Err(StoreError::Failed(_)) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// How much waits in each topic, and since when: for small numbers exact, else "at least".
    ///
    /// # Errors
    /// What the store says.
    pub async fn queue_list(&self) -> Result<Vec<QueueDepth>> {
        let mut depths = Vec::new();
        for priority in Priority::ALL {
            let topic = topic_name(*priority);
            let mut depth = QueueDepth { topic: topic.to_owned(), waiting: 0, at_least: false, oldest: None };
            for tenant in self.tenants_with_work(topic).await? {
                for shard in 0..DUE_SHARDS {
                    let query = Query::new(DUE, due_partition(&tenant, topic, shard)).limit(1_000);
                    let slice = self.store.query(query).await?;
                    depth.waiting += slice.items.len() as u64;
                    depth.at_least |= slice.next.is_some();
                    let oldest = self.oldest_waiting(&tenant, &slice.items).await?;
                    depth.oldest = [depth.oldest, oldest].into_iter().flatten().min();
                }
            }
            depths.push(depth);
        }
        Ok(depths)
    }

    /// Since when the oldest of these waits that nobody works on. Who runs stays among them until it ends:
    /// where all that are looked at run, the next one is taken to wait.
    async fn oldest_waiting(&self, tenant: &TenantId, due: &[Item]) -> Result<Option<Timestamp>, StoreError> {
        let looked_at = due.get(..LOOKED_AT_MAX).unwrap_or(due);
        let ids: Vec<TaskId> = looked_at.iter().filter_map(|item| task_of_sort(&item.key.sort)).collect();
        let keys: Vec<Key> = ids.iter().map(|id| row_key(tenant, *id)).collect();
        let rows = self.store.get_all(&keys).await?;
        let running = ids.iter().zip(&rows).take_while(|(id, item)| {
            let row = item.as_ref().and_then(|item| TaskRow::read(tenant, **id, item));
            row.is_some_and(|row| row.state == State::Leased)
        });
        let waiting = due.get(running.count());
        Ok(waiting.and_then(|item| base::key::decode_timestamp(base::key::split(&item.key.sort).first()?)))
    }
}

impl Engine {
    /// Tells the gauges how much waits in each topic, and for how long the oldest has.
    pub(crate) async fn queue_gauge(&self) -> Result<()> {
        let now = self.clock.now();
        for QueueDepth { topic, waiting, oldest, .. } in self.queue_list().await? {
            let age = oldest.map_or(0.0, |oldest| now.duration_since(oldest).as_secs_f64().max(0.0));
            #[expect(clippy::cast_precision_loss, reason = "a gauge need not be exact beyond 2^53 tasks")]
            metrics::gauge!("freight_queue_depth", "topic" => topic.clone()).set(waiting as f64);
            metrics::gauge!("freight_queue_oldest_seconds", "topic" => topic).set(age);
        }
        Ok(())
    }
}

struct Found {
    more: bool,
    empty: bool,
}

/// What is in a topic: tasks that wait for a worker or for their time, and those that run.
#[derive(Clone, Debug)]
pub struct QueueDepth {
    /// The topic.
    pub topic: String,
    /// How many tasks; of a tenant up to 4,000 are counted.
    pub waiting: u64,
    /// Whether there are more than were counted.
    pub at_least: bool,
    /// The due time of the oldest that nobody works on.
    pub oldest: Option<Timestamp>,
}
