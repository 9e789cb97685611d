//! The outbox: log lines and dead letters that somebody takes elsewhere.
//!
//! What is to be taken is put here in the very transaction that makes it, so that none is missed,
//! however late a line is written; who takes it removes it afterwards, so that what was taken by one
//! who died may be taken again. Nothing waits for the taking: where nobody comes, an item goes with the
//! retention of its tenant. Which tenants have anything is in a directory, marked before the first
//! item and renewed like that of tenants with work.

use base::key;
use base::store::{Body, Bulk, Item, Key, Query, StoreError, Write};
use base::{Result, StoreExt as _, TenantId};

use crate::engine::MARK_LASTS;
use crate::model::{DeadLetter, LogLine};
use crate::rows::task::{directory_partition, instant};
use crate::rows::{self, DEAD, LOGS, TASKS};
use crate::{Engine, dead, log};

/// What the directory calls the outbox; no topic has this name.
const DIRECTORY: &str = "outbox";

/// Of what there is an outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outbox {
    /// Of log lines.
    pub lines: bool,
    /// Of dead letters.
    pub letters: bool,
}

/// Something in the outbox, and the place that it leaves when it was taken.
#[derive(Clone, Debug)]
pub struct Waiting<T> {
    /// What it is.
    pub what: T,
    place: Key,
}

impl Engine {
    /// The write that puts a line into the outbox, if there is one.
    pub(crate) async fn outbox_line(
        &self,
        tenant: &TenantId,
        line: &LogLine,
        body: &Body,
    ) -> Result<Option<Write>, StoreError> {
        if !self.settings.outbox.lines {
            return Ok(None);
        }
        self.mark_in(DIRECTORY, tenant).await?;
        let key = Key::new(LOGS, lines_partition(tenant), log::place(line.at, &line.id));
        Ok(Some(Write::put(key, body.clone())))
    }

    /// The same for a dead letter. A payload over 64 KB stays where it is.
    pub(crate) async fn outbox_letter(
        &self,
        tenant: &TenantId,
        letter: &DeadLetter,
    ) -> Result<Option<Write>, StoreError> {
        if !self.settings.outbox.letters {
            return Ok(None);
        }
        self.mark_in(DIRECTORY, tenant).await?;
        let expires = self.expiry(tenant, letter.at).await;
        let key = Key::new(DEAD, letters_partition(tenant), key![letter.at, letter.id]);
        let body = Body::data(rows::encode(&*dead::without_long_payload(letter)));
        Ok(Some(Write::put(key, body.expiring(expires))))
    }

    /// Tenants that may have something in the outbox, in the order of their names. Who finds nothing there says so with
    /// [`outbox_unmark`](Self::outbox_unmark).
    ///
    /// # Errors
    /// What the store says.
    pub async fn outbox_tenants(&self) -> Result<Vec<Waiting<TenantId>>> {
        let entries = self.store.query_all(Query::new(TASKS, directory_partition(DIRECTORY)).limit(1_000)).await?;
        let read = |item: Item| {
            let what = item.text("tenant")?.parse().ok()?;
            Some(Waiting { what, place: item.key })
        };
        Ok(entries.into_iter().filter_map(read).collect())
    }

    /// Takes a tenant without anything out of the directory, unless its mark is one that a process may
    /// still rely on.
    ///
    /// # Errors
    /// What the store says.
    pub async fn outbox_unmark(&self, tenant: Waiting<TenantId>) -> Result<()> {
        let Some(item) = self.store.get(tenant.place).await? else { return Ok(()) };
        if base::clock::add(instant(item.int("marked")), MARK_LASTS) < self.clock.now() {
            self.unmark(Write::delete(item.key.clone()).when(item.unchanged())).await?;
        }
        Ok(())
    }

    /// The oldest log lines that wait, of all jobs of the tenant.
    ///
    /// # Errors
    /// What the store says.
    pub async fn outbox_lines(&self, tenant: &TenantId, limit: usize) -> Result<Vec<Waiting<LogLine>>> {
        let slice = self.store.query(Query::new(LOGS, lines_partition(tenant)).limit(limit)).await?;
        Ok(slice.items.iter().filter_map(read).collect())
    }

    /// The oldest dead letters that wait, as they were when they died; payloads over 64 KB are empty.
    ///
    /// # Errors
    /// What the store says.
    pub async fn outbox_letters(&self, tenant: &TenantId, limit: usize) -> Result<Vec<Waiting<DeadLetter>>> {
        let slice = self.store.query(Query::new(DEAD, letters_partition(tenant)).limit(limit)).await?;
        Ok(slice.items.iter().filter_map(read).collect())
    }

    /// Removes what was taken.
    ///
    /// # Errors
    /// What the store says; then it is taken again.
    pub async fn outbox_done<T>(&self, taken: &[Waiting<T>]) -> Result<()> {
        let Some(first) = taken.first() else { return Ok(()) };
        let gone = taken.iter().map(|waiting| Bulk::Delete(waiting.place.clone()));
        Ok(self.store.bulk(first.place.table, gone.collect()).await?)
    }
}

fn read<T: serde::de::DeserializeOwned>(item: &Item) -> Option<Waiting<T>> {
    Some(Waiting { what: rows::decode(item)?, place: item.key.clone() })
}

pub(crate) fn lines_partition(tenant: &TenantId) -> String {
    key![tenant, "outbox", "lines"]
}

pub(crate) fn letters_partition(tenant: &TenantId) -> String {
    key![tenant, "outbox", "letters"]
}
