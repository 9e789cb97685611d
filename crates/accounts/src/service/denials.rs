//! Refusals, counted by the minute.
//!
//! A refusal must not cost a write, or the refused decide how much we write. Counts gather in
//! memory for a few seconds and are then added to the store at once. What a process that dies had
//! gathered is lost, and counts whose write had no answer are dropped rather than added twice: the
//! audit says "at least so often". What could not be written gathers on, and may come late: so that nothing is
//! added to the audit of a tenant that was removed meanwhile, each has to be there yet.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::store::{StoreError, Write};
use base::{Result, TenantId};
use jiff::Timestamp;

use crate::model::Denials;
use crate::store::{Rows, denials_add, tenant_there};

/// For how long counts gather before they are written.
pub(super) const GATHER: Duration = Duration::from_secs(5);
/// At most this many different counts at once; further ones are not counted.
const COUNTS_MAX: usize = 1_000;
/// So many counts in one transaction: each may come with the check of a tenant.
const COUNTS: usize = base::store::WRITES_MAX / 2;

/// Refusals that are not written yet.
#[derive(Default)]
pub(super) struct Gathered {
    counts: Mutex<Counts>,
    /// Held while counts are written: who has waited for it knows that nothing is under way.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Counts {
    gathered: HashMap<(TenantId, Timestamp, Cow<'static, str>), i64>,
    /// Whether somebody comes to write them.
    awaited: bool,
}

impl Gathered {
    /// Counts one; whether the caller has to see to it that counts are written until [`Gathered::is_done`].
    pub(super) fn count(&self, tenant: &TenantId, reason: Cow<'static, str>, now: Timestamp) -> bool {
        let mut counts = self.counts();
        let key = (tenant.clone(), minute_of(now), reason);
        if counts.gathered.len() < COUNTS_MAX || counts.gathered.contains_key(&key) {
            *counts.gathered.entry(key).or_default() += 1;
        }
        !std::mem::replace(&mut counts.awaited, true)
    }

    /// Whether nothing is left to write; then the next count needs somebody else.
    pub(super) fn is_done(&self) -> bool {
        let mut counts = self.counts();
        counts.awaited = !counts.gathered.is_empty();
        !counts.awaited
    }

    /// Adds what has gathered to the audit.
    ///
    /// # Errors
    /// What the store says; counts that were not applied gather on.
    pub(super) async fn write(&self, rows: &Rows) -> Result<()> {
        let _one_at_a_time = self.writing.lock().await;
        let mut taken: Vec<_> = std::mem::take(&mut self.counts().gathered).into_iter().collect();
        while !taken.is_empty() {
            let mut chunk = taken.split_off(taken.len().saturating_sub(COUNTS));
            let tenants: BTreeSet<TenantId> = chunk.iter().map(|((tenant, ..), _)| tenant.clone()).collect();
            // Nobody removes the one of everybody, and it has no row.
            let removable: Vec<TenantId> = tenants.into_iter().filter(|it| it.as_str() != TenantId::PUBLIC).collect();
            let mut writes: Vec<Write> = removable.iter().map(tenant_there).collect();
            writes.extend(chunk.iter().map(|((tenant, minute, reason), count)| {
                denials_add(tenant, &Denials { minute: *minute, reason: reason.to_string(), count: *count })
            }));
            match rows.commit(writes).await {
                Ok(_) => {}
                Err(StoreError::Failed(failed)) => {
                    let gone: Vec<&TenantId> = failed.iter().filter_map(|index| removable.get(*index)).collect();
                    chunk.retain(|((tenant, ..), _)| !gone.contains(&tenant));
                    taken.extend(chunk);
                }
                Err(error) => {
                    taken.extend(chunk.into_iter().filter(|_| !matches!(error, StoreError::Unknown(_))));
                    let mut counts = self.counts();
                    for (key, count) in taken {
                        *counts.gathered.entry(key).or_default() += count;
                    }
                    return Err(error.into());
                }
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
