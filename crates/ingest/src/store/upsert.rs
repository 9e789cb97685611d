//! Writing records of one shard: all or none, counted exactly.
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

use base::key;
use base::store::{Body, Item, Key, StoreError, When, Write};

use super::{RECORDS, Shelf};
use crate::model::Record;

/// At most so many records in one transaction: three writes each, the count and a fence.
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

impl Shelf {
    /// Writes up to 32 records of one shard, with different keys, under a fence if there is one.
    /// Returns what they turned out to be.
    ///
    /// # Errors
    /// [`Refused`]; nothing was written, unless the store lost its answer again and again.
    pub async fn put(
        &self,
        shard: u8,
        records: &[Record],
        fence: Option<&Write>,
        guess: Known,
    ) -> Result<Known, Refused> {
        let (mut conflicts, mut busy) = (0, 0);
        let mut guess = guess;
        loop {
            let before = self.before(shard, records, guess).await.map_err(Refused::Store)?;
            guess = Known::Some;
            match self.store.write(self.decided(shard, records, &before, fence)).await {
                Ok(_) if before.iter().all(Option::is_none) => return Ok(Known::AllNew),
                Ok(_) => return Ok(Known::Some),
                Err(StoreError::Failed(failed)) if failed.contains(&0) => {
                    return Err(Refused::Gone);
                }
                Err(StoreError::Failed(failed)) if fence.is_some() && failed.contains(&1) => {
                    return Err(Refused::Fenced);
                }
                Err(StoreError::Failed(_)) if conflicts < CONFLICTS_MAX => conflicts += 1,
                Err(StoreError::Busy | StoreError::Unknown(_)) if busy < BUSY_MAX => busy += 1,
                Err(error) => return Err(Refused::Store(error)),
            }
        }
    }

    /// What leads to the records now; with the guess that all are new, nothing does.
    async fn before(&self, shard: u8, records: &[Record], guess: Known) -> Result<Vec<Option<Item>>, StoreError> {
        match guess {
            Known::AllNew => Ok(vec![None; records.len()]),
            Known::Some => self.store.get_many(&self.pointers(shard, records)).await,
        }
    }

    fn pointers(&self, shard: u8, records: &[Record]) -> Vec<Key> {
        let partition = self.record_partition(shard);
        records.iter().map(|record| Key::new(RECORDS, partition.clone(), key![record.key])).collect()
    }

    /// The count first, then the fence, then the records.
    fn decided(&self, shard: u8, records: &[Record], before: &[Option<Item>], fence: Option<&Write>) -> Vec<Write> {
        let fresh = before.iter().filter(|item| item.is_none()).count();
        let count = match i64::try_from(fresh) {
            Ok(0) | Err(_) => Write::check(self.count_key(shard), When::Present),
            Ok(fresh) => Write::add(self.count_key(shard), [("n", fresh)]).when(When::Present),
        };
        let mut writes = Vec::with_capacity(2 + 3 * records.len());
        writes.push(count);
        writes.extend(fence.cloned());
        let order = self.order_partition(shard);
        for ((record, key), before) in records.iter().zip(self.pointers(shard, records)).zip(before) {
            moved(&mut writes, record, key, before.as_ref(), &order);
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
