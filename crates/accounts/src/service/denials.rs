//! Refusals, counted by the minute.
//!
//! A refusal must not cost a write, or the refused decide how much we write. Counts gather in
//! memory for a few seconds and are then added to the store at once. What a process that dies had
//! gathered is lost, and counts whose write had no answer are dropped rather than added twice: the
//! audit says "at least so often".

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::store::StoreError;
use base::{Result, TenantId};
use jiff::Timestamp;

use crate::model::Denials;
use crate::store::{Rows, denials_add};

/// For how long counts gather before they are written.
pub(super) const GATHER: Duration = Duration::from_secs(5);
/// At most this many different counts at once; further ones are not counted.
const COUNTS_MAX: usize = 1_000;
/// So many counts in one transaction.
const WRITES: usize = 100;

type Counts = HashMap<(TenantId, Timestamp, Cow<'static, str>), i64>;

/// Refusals that are not written yet.
#[derive(Default)]
pub(super) struct Gathered {
    counts: Mutex<Counts>,
    /// Held while counts are written: who has waited for it knows that nothing is under way.
    writing: tokio::sync::Mutex<()>,
}

impl Gathered {
    /// Counts one; whether it is the first since the last [`Gathered::write`].
    pub(super) fn count(&self, tenant: &TenantId, reason: Cow<'static, str>, now: Timestamp) -> bool {
        let mut counts = self.counts();
        let first = counts.is_empty();
        let key = (tenant.clone(), minute_of(now), reason);
        if counts.len() < COUNTS_MAX || counts.contains_key(&key) {
            *counts.entry(key).or_default() += 1;
        }
        first
    }

    /// Adds what has gathered to the audit.
    ///
    /// # Errors
    /// What the store says; counts that were not applied gather on.
    pub(super) async fn write(&self, rows: &Rows) -> Result<()> {
        let _one_at_a_time = self.writing.lock().await;
        let mut taken: Vec<_> = std::mem::take(&mut *self.counts()).into_iter().collect();
        while !taken.is_empty() {
            let chunk = taken.split_off(taken.len().saturating_sub(WRITES));
            let writes = chunk.iter().map(|((tenant, minute, reason), count)| {
                denials_add(tenant, &Denials { minute: *minute, reason: reason.to_string(), count: *count })
            });
            if let Err(error) = rows.commit(writes.collect()).await {
                taken.extend(chunk.into_iter().filter(|_| !matches!(error, StoreError::Unknown(_))));
                let mut counts = self.counts();
                for (key, count) in taken {
                    *counts.entry(key).or_default() += count;
                }
                return Err(error.into());
            }
        }
        Ok(())
    }

    // A std mutex: nothing is awaited while it is held.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn minute_of(at: Timestamp) -> Timestamp {
    let micros = at.as_microsecond();
    Timestamp::from_microsecond(micros - micros.rem_euclid(60_000_000)).unwrap_or(at)
}
