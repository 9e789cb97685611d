//! `source.roll`: partials follow the records.
//!
//! Of the marks that have settled, the minutes are computed from their records, their hours from
//! the minutes, their days from the hours; then the marks are removed, each by the version that was
//! read before the records were. Nothing is merged into what is there: a partial is always written
//! whole. So running twice is harmless, stopping anywhere is too (the marks are still there), and a
//! run that lost its lease writes nothing.
//!
//! The number of records in all days is the one thing that is added to, in the transaction that
//! writes the day.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::Store;
use base::store::{Action, Write};
use jobs::run::CommitError;
use jobs::{Class, Done, Failure, Run, Tally, TaskKind};

use super::{ROLL, RollParams, SETTLED};
use crate::model::reading::readings;
use crate::model::{Detail, Level, Partial};
use crate::store::Shelf;
use crate::store::marks::Mark;

/// So many marks are looked at in one run; then it is another task's turn.
const MARKS_MAX: usize = 500;
/// So many writes, and so many bytes, are one transaction.
const WRITES_MAX: usize = 60;
const BYTES_MAX: usize = 2 << 20;

/// The kind.
pub struct Roll {
    store: Arc<dyn Store>,
}

impl Roll {
    /// Works on this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }
}

#[async_trait]
impl TaskKind for Roll {
    fn name(&self) -> &'static str {
        ROLL
    }

    async fn run(&self, run: &Run) -> Result<Done, Failure> {
        let RollParams { series } = run.payload()?;
        let shelf = Shelf::new(self.store.clone(), run.tenant().clone(), series.parse().map_err(Failure::from)?);
        let marks = shelf.marks(MARKS_MAX).await?;
        let full = marks.len() == MARKS_MAX;
        let now = run.now()?;
        let settles = |mark: &Mark| base::clock::add(mark.at, SETTLED);
        let (settled, young): (Vec<Mark>, Vec<Mark>) = marks.into_iter().partition(|mark| settles(mark) <= now);
        let mut of_day: BTreeMap<i64, Vec<Mark>> = BTreeMap::new();
        for mark in settled {
            of_day.entry(Level::Day.floor(mark.minute)).or_default().push(mark);
        }
        let done = !of_day.is_empty();
        for (day, marks) in of_day {
            Rolling { run, shelf: &shelf }.day(day, marks).await?;
        }
        let next = young.iter().map(settles).min();
        let wait = next.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
        match wait {
            _ if full && done => Err(Failure::new(Class::Again(Duration::ZERO), "more minutes are dirty")),
            Some(wait) => Err(Failure::new(Class::Again(wait), "some minutes have not settled")),
            None => Ok(Done::default()),
        }
    }
}

/// One run at work.
struct Rolling<'r> {
    run: &'r Run,
    shelf: &'r Shelf,
}

impl Rolling<'_> {
    async fn day(&self, day: i64, marks: Vec<Mark>) -> Result<(), Failure> {
        // The saboteur takes the marks away before it has computed anything.
        if cfg!(feature = "sabotage") {
            self.unmark(day, &marks).await?;
        }
        let minutes: Vec<i64> = marks.iter().map(|mark| mark.minute).collect();
        self.minutes(&minutes).await?;
        let mut hours: Vec<i64> = minutes.iter().map(|minute| Level::Hour.floor(*minute)).collect();
        hours.dedup();
        let mut gathering = Gathering::default();
        for hour in hours {
            let partial = self.sum(Level::Minute, hour, Level::Hour).await?;
            gathering.add(self, self.shelf.partial(Level::Hour, hour, &partial)?).await?;
        }
        gathering.commit(self).await?;
        let partial = self.sum(Level::Hour, day, Level::Day).await?;
        let before = self.shelf.partial_records(Level::Day, day).await?;
        let mut writes = self.shelf.partial(Level::Day, day, &partial)?;
        // The first chunk says how many there are and counts the records; it goes with the total.
        gathering.add(self, writes.split_off(1)).await?;
        gathering.commit(self).await?;
        writes.push(self.shelf.total_add(partial.records.cast_signed() - before.cast_signed()));
        self.run.commit(writes, Tally::default()).await?;
        if cfg!(feature = "sabotage") { Ok(()) } else { self.unmark(day, &marks).await }
    }

    /// Minutes from their records; one without records too.
    async fn minutes(&self, minutes: &[i64]) -> Result<(), Failure> {
        let mut records = self.shelf.records_in(minutes.iter().map(|minute| (*minute, minute + Level::Minute.us())));
        let mut gathering = Gathering::default();
        let mut next = records.next().await?;
        for minute in minutes {
            let mut partial = Partial::default();
            while let Some(item) = &next {
                let record = self.shelf.record_of(item)?;
                if Level::Minute.floor(record.at.as_microsecond()) != *minute {
                    break;
                }
                partial.add(readings(&record.data)?);
                next = records.next().await?;
            }
            gathering.add(self, self.shelf.partial(Level::Minute, *minute, &partial)?).await?;
        }
        gathering.commit(self).await
    }

    /// What lies in the `to` that begins at `from`, summed from the level below.
    async fn sum(&self, below: Level, from: i64, to: Level) -> Result<Partial, Failure> {
        let mut parts = self.shelf.partials_in(below, [(from, from + to.us())], Detail::Whole);
        let mut sum = Partial::default();
        while let Some((_, part)) = parts.next().await? {
            sum.merge(part);
        }
        Ok(sum)
    }

    /// Removes the marks that nobody has made anew.
    async fn unmark(&self, day: i64, marks: &[Mark]) -> Result<(), Failure> {
        for marks in marks.chunks(WRITES_MAX) {
            let mut writes: Vec<Write> = marks.iter().map(|mark| self.shelf.unmark(mark)).collect();
            while !writes.is_empty() {
                // Progress is what tells a run that is often killed from one that kills.
                match self.run.save_progress(day.to_string(), writes.clone()).await {
                    Ok(()) => break,
                    Err(CommitError::Failed(anew)) if !anew.is_empty() => {
                        let mut place = 0;
                        writes.retain(|_| {
                            place += 1;
                            !anew.contains(&(place - 1))
                        });
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}

/// Writes that wait for enough company.
#[derive(Default)]
struct Gathering {
    writes: Vec<Write>,
    bytes: usize,
}

impl Gathering {
    async fn add(&mut self, rolling: &Rolling<'_>, writes: Vec<Write>) -> Result<(), Failure> {
        for write in writes {
            let bytes = match &write.action {
                Action::Put(body) => base::store::item_bytes(&write.key, body),
                _ => 0,
            };
            if self.writes.len() == WRITES_MAX || self.bytes + bytes > BYTES_MAX {
                self.commit(rolling).await?;
            }
            self.bytes += bytes;
            self.writes.push(write);
        }
        Ok(())
    }

    async fn commit(&mut self, rolling: &Rolling<'_>) -> Result<(), Failure> {
        self.bytes = 0;
        if self.writes.is_empty() {
            return Ok(());
        }
        Ok(rolling.run.commit(std::mem::take(&mut self.writes), Tally::default()).await?)
    }
}
