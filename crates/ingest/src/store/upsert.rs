//! Writing a few records: all or none, counted exactly.
//!
//! The items are read, each write is decided by what was read and made conditional on it, and
//! when a condition does not hold the whole is read again. So two writers of the same record never
//! leave it twice in the order, and the count is the number of records whatever was repeated. For
//! the same reason a write whose answer was lost is simply done again: read anew, its records are
//! there already and count nothing.
//!
//! Records that are probably new need not be read first: the condition is the same, that they are
//! absent, and a wrong guess costs one try. A caller with many records guesses what the last write
//! found.

use std::collections::BTreeMap;

use base::key;
use base::store::{Body, Item, Key, StoreError, WRITES_MAX, When, Write};

use super::{RECORDS, Shelf};
use crate::model::Record;

/// At most so many records in one transaction, where they are of one shard.
pub const RECORDS_MAX: usize = 32;
/// At most so many bytes of records in one transaction.
pub const BYTES_MAX: usize = 3 << 20;

/// After so many conflicts somebody else is told to go on.
const CONFLICTS_MAX: usize = 64;
/// After so many refusals by a busy store, too; each was retried inside for a while.
const BUSY_MAX: usize = 8;

/// What is thought of records before they are written, and known afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// None of them was there.
    AllNew,
    /// Some may have been.
    Some,
}

/// Why records were not written.
#[derive(Debug)]
pub enum Refused {
    /// The dataset is no longer there.
    Gone,
    /// The fence did not hold: the lease was lost.
    Fenced,
    /// The store could not.
    Store(StoreError),
}

/// Whether so many records of so many shards fit into one transaction: three writes each, a count
/// for each shard, and a fence.
pub fn fits(records: usize, shards: usize) -> bool {
    3 * records + shards < WRITES_MAX
}

impl Shelf {
    /// Writes as many records as [`fits`], with different keys, under a fence if there is one.
    /// Returns what they turned out to be.
    ///
    /// # Errors
    /// [`Refused`]; nothing was written, unless the store lost its answer again and again.
    pub async fn put(&self, records: &[Record], fence: Option<&Write>, guess: Known) -> Result<Known, Refused> {
        let (mut conflicts, mut busy) = (0, 0);
        let mut guess = guess;
        loop {
            let before = self.before(records, guess).await.map_err(Refused::Store)?;
            guess = Known::Some;
            let counts = self.counts(records, &before);
            let shards = counts.len();
            match self.store.write(self.decided(counts, records, &before, fence)).await {
                Ok(_) if before.iter().all(Option::is_none) => return Ok(Known::AllNew),
                Ok(_) => return Ok(Known::Some),
                Err(StoreError::Failed(failed)) if failed.iter().any(|place| *place < shards) => {
                    return Err(Refused::Gone);
                }
                Err(StoreError::Failed(failed)) if fence.is_some() && failed.contains(&shards) => {
                    return Err(Refused::Fenced);
                }
                Err(StoreError::Failed(_)) if conflicts < CONFLICTS_MAX => conflicts += 1,
                Err(StoreError::Busy | StoreError::Unknown(_)) if busy < BUSY_MAX => busy += 1,
                Err(error) => return Err(Refused::Store(error)),
            }
        }
    }

    /// What leads to the records now; with the guess that all are new, nothing does.
    async fn before(&self, records: &[Record], guess: Known) -> Result<Vec<Option<Item>>, StoreError> {
        match guess {
            Known::AllNew => Ok(vec![None; records.len()]),
            Known::Some => {
                let pointers: Vec<Key> = records.iter().map(|record| self.pointer(record)).collect();
                self.store.get_many(&pointers).await
            }
        }
    }

    fn pointer(&self, record: &Record) -> Key {
        Key::new(RECORDS, self.record_partition(record.shard()), key![record.key])
    }

    /// How many records each shard gains, added on the condition that the dataset is there.
    fn counts(&self, records: &[Record], before: &[Option<Item>]) -> Vec<Write> {
        let mut gains = BTreeMap::new();
        for (record, before) in records.iter().zip(before) {
            *gains.entry(record.shard()).or_default() += i64::from(before.is_none());
        }
        let count = |(shard, gain)| match gain {
            0 => Write::check(self.count_key(shard), When::Present),
            gain => Write::add(self.count_key(shard), [("n", gain)]).when(When::Present),
        };
        gains.into_iter().map(count).collect()
    }

    /// The counts first, then the fence, then the records.
    fn decided(
        &self,
        counts: Vec<Write>,
        records: &[Record],
        before: &[Option<Item>],
        fence: Option<&Write>,
    ) -> Vec<Write> {
        let mut writes = counts;
        writes.reserve(1 + 3 * records.len());
        writes.extend(fence.cloned());
        for (record, before) in records.iter().zip(before) {
            let order = self.order_partition(record.shard());
            moved(&mut writes, record, self.pointer(record), before.as_ref(), &order);
        }
        writes
    }
}

/// The record's pointer, its text in the order, and the end of its old place if it had another.
fn moved(writes: &mut Vec<Write>, record: &Record, key: Key, before: Option<&Item>, order: &str) {
    let old = before.and_then(|item| item.text("at")).filter(|old| *old != record.place);
    if let Some(old) = old {
        writes.push(Write::delete(Key::new(RECORDS, order, old)));
    }
    let when = before.map_or(When::Absent, Item::unchanged);
    writes.push(Write::put(key, Body::default().with("at", record.place.as_str())).when(when));
    writes.push(Write::put(Key::new(RECORDS, order, record.place.as_str()), Body::data(record.text.as_str())));
}
