//! Who asked for what, in pieces of about a second.

use std::collections::HashMap;
use std::sync::Arc;

use base::clock::add;
use base::store::{Body, Bulk, Key, Query, Range};
use base::{Error, Result, Store, TenantId, key};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::SOURCE;
use crate::model::Event;
use crate::model::event::Kind;

/// How long events are kept.
const KEPT: std::time::Duration = std::time::Duration::from_secs(30 * 86_400);
/// So many events are one item.
pub const PIECE_MAX: usize = 1_000;
/// No piece holds events of a longer time than this; reads are said at the beginning of their minute.
const PIECE_LENGTH: SignedDuration = SignedDuration::from_secs(120);

/// The stored form of a piece. Who writes a lot writes the same names all the time: they stand in
/// it once, and an event is a row of numbers.
#[derive(Serialize, Deserialize)]
struct PieceRow {
    v: u32,
    /// Callers and series.
    names: Vec<String>,
    events: Vec<EventRow>,
}

/// Time in microseconds, kind, place of the caller, place of the series, status, bytes, count.
type EventRow = (i64, Kind, usize, Option<usize>, Option<u16>, u64, u64);

impl PieceRow {
    fn of(events: &[Event]) -> Self {
        let mut names: Vec<String> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut place = |name| {
            *places.entry(name).or_insert_with(|| {
                names.push(name.to_owned());
                names.len() - 1
            })
        };
        let mut rows = Vec::with_capacity(events.len());
        for Event { at, kind, principal, series, status, bytes, count } in events {
            let (caller, series) = (place(principal), series.as_deref().map(&mut place));
            rows.push((at.as_microsecond(), *kind, caller, series, *status, *bytes, *count));
        }
        Self { v: 1, names, events: rows }
    }

    fn events(self) -> Result<impl Iterator<Item = Event>> {
        if self.v != 1 {
            return Err(Error::internal(format!("events have the unknown version {}", self.v)));
        }
        let Self { names, events, .. } = self;
        Ok(events.into_iter().filter_map(move |(at, kind, principal, series, status, bytes, count)| {
            let at = Timestamp::from_microsecond(at).ok()?;
            let principal = names.get(principal)?.clone();
            let series = series.and_then(|series| names.get(series)).cloned();
            Some(Event { at, kind, principal, series, status, bytes, count })
        }))
    }
}

pub(super) fn partition(tenant: &TenantId) -> String {
    key![tenant, "event"]
}

/// Keeps events of one tenant.
///
/// # Errors
/// What the store fails with.
pub async fn keep(store: &Arc<dyn Store>, tenant: &TenantId, events: &[Event], now: Timestamp) -> Result<()> {
    let mut pieces = Vec::new();
    for events in events.chunks(PIECE_MAX) {
        let body =
            Body::data(serde_json::to_string(&PieceRow::of(events)).map_err(Error::internal)?).expiring(add(now, KEPT));
        pieces.push(Bulk::Put(Key::new(SOURCE, partition(tenant), key![now, Uuid::new_v4()]), body));
    }
    Ok(store.bulk(SOURCE, pieces).await?)
}

/// Events of a stretch of time, the oldest piece first, at most about `limit`.
///
/// # Errors
/// What the store fails with; `Internal` when a piece cannot be read.
pub async fn read(
    store: &Arc<dyn Store>,
    tenant: &TenantId,
    (from, to): (Timestamp, Timestamp),
    limit: usize,
) -> Result<Vec<Event>> {
    let last = to.checked_add(PIECE_LENGTH).unwrap_or(Timestamp::MAX);
    let range = Range::Between(key![from], key![last]);
    let mut query = Query::new(SOURCE, partition(tenant)).range(range).limit(10);
    let mut events: Vec<Event> = Vec::new();
    loop {
        let slice = store.query(query.clone()).await?;
        for item in slice.items {
            let row: PieceRow = serde_json::from_str(item.data()).map_err(Error::internal)?;
            events.extend(row.events()?.filter(|event| from <= event.at && event.at < to));
        }
        if slice.next.is_none() || events.len() >= limit {
            events.truncate(limit);
            return Ok(events);
        }
        query.after = slice.next;
    }
}
