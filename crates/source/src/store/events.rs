//! Who asked for what, in pieces of about a second.

use std::sync::Arc;

use base::clock::add;
use base::store::{Body, Bulk, Key, Query, Range};
use base::{Error, Result, Store, TenantId, key};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::SOURCE;
use crate::model::Event;

/// How long events are kept.
const KEPT: std::time::Duration = std::time::Duration::from_secs(30 * 86_400);
/// So many events are one item.
pub const PIECE_MAX: usize = 1_000;
/// No piece holds events of a longer time than this; reads are said at the beginning of their minute.
const PIECE_LENGTH: SignedDuration = SignedDuration::from_secs(120);

/// The stored form of a piece.
#[derive(Serialize, Deserialize)]
struct PieceRow {
    v: u32,
    events: Vec<Event>,
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
        let row = PieceRow { v: 1, events: events.to_vec() };
        let body = Body::data(serde_json::to_string(&row).map_err(Error::internal)?).expiring(add(now, KEPT));
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
            events.extend(row.events.into_iter().filter(|event| from <= event.at && event.at < to));
        }
        if slice.next.is_none() || events.len() >= limit {
            events.truncate(limit);
            return Ok(events);
        }
        query.after = slice.next;
    }
}
