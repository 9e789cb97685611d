//! Who asked for what, in pieces of about a second.
//!
//! A piece is of one minute and lies where its first event does, however late it was kept: a store that was
//! away for an hour takes nothing out of the order of what happened.

use std::collections::HashMap;
use std::sync::Arc;

use base::clock::add;
use base::store::{Body, Bulk, Key, Query, Range};
use base::{Error, Result, Store, TenantId, key};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::SOURCE;
use crate::model::event::Kind;
use crate::model::{Event, Level};

/// How long events are kept.
const KEPT: std::time::Duration = std::time::Duration::from_secs(30 * 86_400);
/// So many events are one item.
pub const PIECE_MAX: usize = 1_000;

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
pub async fn keep(store: &Arc<dyn Store>, tenant: &TenantId, events: &mut [Event], now: Timestamp) -> Result<()> {
    events.sort_by_key(|event| event.at);
    let minutes = events.chunk_by(|one, next| minute_of(one.at) == minute_of(next.at));
    let pieces = minutes.flat_map(|minute| minute.chunks(PIECE_MAX)).map(|piece| {
        let body = Body::data(serde_json::to_string(&PieceRow::of(piece)).map_err(Error::internal)?);
        let first = piece.first().map_or(now, |event| event.at);
        Ok(Bulk::Put(Key::new(SOURCE, partition(tenant), key![first, Uuid::new_v4()]), body.expiring(add(now, KEPT))))
    });
    let pieces: Vec<Bulk> = pieces.collect::<Result<_>>()?;
    Ok(store.bulk(SOURCE, pieces).await?)
}

fn minute_of(at: Timestamp) -> i64 {
    Level::Minute.floor(at.as_microsecond())
}

/// Events of a stretch of time, the oldest first, at most `limit`.
///
/// # Errors
/// What the store fails with; `Internal` when a piece cannot be read.
pub async fn read(
    store: &Arc<dyn Store>,
    tenant: &TenantId,
    (from, to): (Timestamp, Timestamp),
    limit: usize,
) -> Result<Vec<Event>> {
    let first = Timestamp::from_microsecond(minute_of(from)).unwrap_or(from);
    let range = Range::Between(key![first], key![to]);
    let mut query = Query::new(SOURCE, partition(tenant)).range(range).limit(10);
    let mut events: Vec<Event> = Vec::new();
    // Of pieces of one minute each may begin anywhere between another's first event and its last.
    let mut minute = i64::MIN;
    loop {
        let slice = store.query(query.clone()).await?;
        for item in slice.items {
            let row: PieceRow = serde_json::from_str(item.data()).map_err(Error::internal)?;
            let mut piece = row.events()?.peekable();
            let next = piece.peek().map_or(minute, |event| minute_of(event.at));
            if next != minute && events.len() >= limit {
                return Ok(oldest(events, limit));
            }
            minute = next;
            events.extend(piece.filter(|event| from <= event.at && event.at < to));
        }
        if slice.next.is_none() {
            return Ok(oldest(events, limit));
        }
        query.after = slice.next;
    }
}

fn oldest(mut events: Vec<Event>, limit: usize) -> Vec<Event> {
    events.sort_by_key(|event| event.at);
    events.truncate(limit);
    events
}
