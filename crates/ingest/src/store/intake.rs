//! Many records into one dataset, as fast as the store takes them.
//!
//! Records are gathered by shard; a full gathering becomes one transaction, the small ones of the end
//! share some, and many transactions are under way at once, so that a store that commits in groups pays one sync for all of them.
//! Two transactions under way never hold the same key: of two records with one key the later must
//! win, and the store orders only what is not concurrent. What is gathered and under way is
//! bounded in bytes, so memory does not grow with the length of an import.

use std::collections::HashSet;

use base::store::Write;
use tokio::task::JoinSet;

use super::Shelf;
use super::upsert::{BYTES_MAX, Known, RECORDS_MAX, Refused, fits};
use crate::model::{Record, SHARDS};

/// At most so many transactions under way. A store that commits in groups has half of them in one
/// commit while the other half gathers, and another caller waits for two of those at most.
const UNDER_WAY_MAX: usize = 256;
/// At most so many bytes gathered and under way.
const HELD_BYTES_MAX: usize = 16 << 20;

/// Takes records in. Dropped, it abandons what is under way.
pub struct Intake {
    shelf: Shelf,
    fence: Option<Write>,
    gathered: Vec<Gathered>,
    under_way: JoinSet<(Vec<Record>, u64, Result<Known, Refused>)>,
    busy: HashSet<u64>,
    held: usize,
    saved: u64,
    /// What the transaction that ended last found; the next one guesses the same.
    found: Known,
}

/// Records that wait for more.
#[derive(Default)]
struct Gathered {
    records: Vec<Record>,
    bytes: usize,
    /// How many were taken in, those replaced by later ones included.
    taken: u64,
}

impl Gathered {
    fn join(&mut self, mut other: Self) {
        self.records.append(&mut other.records);
        self.bytes += other.bytes;
        self.taken += other.taken;
    }
}

impl Intake {
    /// Writes to `shelf`, every transaction under `fence` if there is one.
    pub fn new(shelf: Shelf, fence: Option<Write>) -> Self {
        // A run meets records that runs before it saved; a file mostly brings new ones.
        let found = if fence.is_some() { Known::Some } else { Known::AllNew };
        Self {
            shelf,
            fence,
            gathered: (0..SHARDS).map(|_| Gathered::default()).collect(),
            under_way: JoinSet::new(),
            busy: HashSet::new(),
            held: 0,
            saved: 0,
            found,
        }
    }

    /// How many records that were taken in are durable, as far as is known.
    pub fn saved(&self) -> u64 {
        self.saved
    }

    /// Takes a record in; of two with one key the later one stays.
    ///
    /// # Errors
    /// [`Refused`], about this record or any before it.
    pub async fn add(&mut self, record: Record) -> Result<(), Refused> {
        let shard = record.shard();
        let gathered = &mut self.gathered[usize::from(shard)];
        let bytes = record.text.len();
        if gathered.bytes + bytes > BYTES_MAX {
            let full = std::mem::take(gathered);
            self.write(full).await?;
        }
        let gathered = &mut self.gathered[usize::from(shard)];
        gathered.taken += 1;
        gathered.bytes += bytes;
        self.held += bytes;
        match gathered.records.iter_mut().find(|earlier| earlier.key == record.key) {
            Some(earlier) => {
                gathered.bytes -= earlier.text.len();
                self.held -= earlier.text.len();
                *earlier = record;
            }
            None => gathered.records.push(record),
        }
        if gathered.records.len() >= RECORDS_MAX {
            let full = std::mem::take(gathered);
            self.write(full).await?;
        }
        if self.held > HELD_BYTES_MAX { self.make_room().await } else { Ok(()) }
    }

    /// Waits for what is under way, or writes what is gathered, until half of the bytes are free.
    async fn make_room(&mut self) -> Result<(), Refused> {
        while self.held > HELD_BYTES_MAX / 2 {
            if !self.settle().await? {
                return self.drain().await;
            }
        }
        Ok(())
    }

    /// Writes what is gathered and waits for all that is under way; returns how many are saved.
    ///
    /// # Errors
    /// [`Refused`], about any record.
    pub async fn finish(&mut self) -> Result<u64, Refused> {
        self.drain().await?;
        Ok(self.saved)
    }

    async fn drain(&mut self) -> Result<(), Refused> {
        let (mut shared, mut shards) = (Gathered::default(), 0);
        for shard in 0..SHARDS {
            let next = std::mem::take(&mut self.gathered[usize::from(shard)]);
            if next.records.is_empty() {
                continue;
            }
            let records = shared.records.len() + next.records.len();
            if !fits(records, shards + 1) || shared.bytes + next.bytes > BYTES_MAX {
                self.write(std::mem::take(&mut shared)).await?;
                shards = 0;
            }
            shared.join(next);
            shards += 1;
        }
        self.write(shared).await?;
        while self.settle().await? {}
        Ok(())
    }

    /// Starts a transaction, once there is room for one and none under way holds one of its keys.
    async fn write(&mut self, Gathered { records, taken, .. }: Gathered) -> Result<(), Refused> {
        if records.is_empty() {
            return Ok(());
        }
        while self.under_way.len() >= UNDER_WAY_MAX || records.iter().any(|record| self.busy.contains(&record.hash)) {
            self.settle().await?;
        }
        self.busy.extend(records.iter().map(|record| record.hash));
        let (shelf, fence, guess) = (self.shelf.clone(), self.fence.clone(), self.found);
        self.under_way.spawn(async move {
            let written = shelf.put(&records, fence.as_ref(), guess).await;
            (records, taken, written)
        });
        Ok(())
    }

    /// Waits for one transaction; `false` when none is under way.
    async fn settle(&mut self) -> Result<bool, Refused> {
        let Some(ended) = self.under_way.join_next().await else { return Ok(false) };
        let unknown =
            |error: tokio::task::JoinError| Refused::Store(base::store::StoreError::Unknown(error.to_string()));
        let (records, taken, written) = ended.map_err(unknown)?;
        self.found = written?;
        self.saved += taken;
        for record in records {
            self.busy.remove(&record.hash);
            self.held -= record.text.len();
        }
        Ok(true)
    }
}
