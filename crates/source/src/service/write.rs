//! Records in.
//!
//! In this order: the head names every reading, the minute is marked dirty, the record is durable;
//! then the caller is answered. A mark that was made a moment ago is relied on; one that has become
//! too old while the record was written is made again before the answer.
//!
//! A maintainer gets this wrong by marking after the record: a reader between the two would take a
//! partial that does not know the record.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::store::Write;
use base::{Ctx, Error, Result};
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use super::Source;
use super::known::{Begun, Place};
use crate::model::record::Draft;
use crate::model::{Level, Name, Record};
use crate::store::{MEASUREMENTS, SOURCE, Shelf};

/// A mark is certainly there so long after it was begun: the roller leaves it alone for 60 s, by a
/// clock that may run a little ahead of ours.
const MARK_HOLDS: Duration = Duration::from_secs(40);
/// So many series of a batch are looked after at the same time.
const SERIES_AT_ONCE: usize = 32;

/// The public id of the key that calls.
pub(crate) fn user_id(ctx: &Ctx) -> Option<&str> {
    let principal = ctx.principal.as_str();
    Some(principal.strip_prefix("key:").unwrap_or(principal))
}

impl Source {
    /// The record that a draft becomes in this request; the same one when the request is repeated.
    pub fn record_of(&self, ctx: &Ctx, draft: &Draft, row: usize) -> Record {
        draft.record(user_id(ctx), ctx.now(), ctx.uuid("records"), row)
    }

    /// Writes a record, and what keeps the answer with it.
    ///
    /// # Errors
    /// `Invalid` when the series would have too many readings, `Conflict` when there are too many
    /// series; what the store fails with.
    pub async fn record_write(&self, ctx: &Ctx, draft: &Draft, record: &Record, kept: Option<Write>) -> Result<()> {
        let place = (ctx.tenant.clone(), record.series.clone());
        self.series_know(&place, &paths([draft]), ctx.now()).await?;
        let (shelf, minute) = (self.shelf(&place.0, &place.1), minute_of(record));
        let (begun, made) = self.mark_one(&shelf, &place, minute).await?;
        let writes = std::iter::once(shelf.record(record)).chain(kept).collect();
        self.deps.store.write(writes).await?;
        let late = !self.holds(begun);
        if late {
            self.deps.store.write(vec![shelf.mark(minute, self.deps.clock.now())]).await?;
        }
        if made || late {
            self.roll_wake(&place).await;
        }
        Ok(())
    }

    /// Makes sure that a minute has a mark; when that was begun, and whether it was here.
    async fn mark_one(&self, shelf: &Shelf, place: &Place, minute: i64) -> Result<(Begun, bool)> {
        let known = || self.known.mark(place, minute, Begun::now(&*self.deps.clock));
        if let Some(begun) = known() {
            return Ok((begun, false));
        }
        let turn = self.known.turn(place).await;
        if let Some(begun) = known() {
            return Ok((begun, false));
        }
        let begun = Begun::now(&*self.deps.clock);
        self.deps.store.write(vec![shelf.mark(minute, self.deps.clock.now())]).await?;
        self.known.marked([(place.clone(), minute)], begun);
        drop(turn);
        Ok((begun, true))
    }

    /// Writes the records of a batch; says of each why it was not written.
    ///
    /// # Errors
    /// What the store fails with; any of the records may be durable then.
    pub async fn records_write(&self, ctx: &Ctx, drafts: &[Draft], records: &[Record]) -> Result<Vec<Result<()>>> {
        let mut of_series: BTreeMap<Name, Vec<usize>> = BTreeMap::new();
        for (row, record) in records.iter().enumerate() {
            of_series.entry(record.series.clone()).or_default().push(row);
        }
        let mut results: Vec<Result<()>> = records.iter().map(|_| Ok(())).collect();
        let known = of_series.into_iter().map(|(name, rows)| async move {
            let place = (ctx.tenant.clone(), name);
            let known = self.rows_know(&place, rows, drafts, ctx.now()).await;
            known.map(|(rows, refused)| (place, rows, refused))
        });
        let known = futures::stream::iter(known).buffer_unordered(SERIES_AT_ONCE);
        let mut good = Vec::new();
        for (place, rows, refused) in known.try_collect::<Vec<_>>().await? {
            refused.into_iter().for_each(|(row, error)| results[row] = Err(error));
            good.push((place, rows));
        }
        self.batch_write(&good, records).await?;
        Ok(results)
    }

    /// Makes sure that the head of a series names what these rows read; which rows it does not admit, and
    /// why. What one of them brings too many is not held against the others.
    async fn rows_know(
        &self,
        place: &Place,
        rows: Vec<usize>,
        drafts: &[Draft],
        at: Timestamp,
    ) -> Result<(Vec<usize>, Vec<(usize, Error)>)> {
        match self.series_know(place, &paths(rows.iter().map(|row| &drafts[*row])), at).await {
            Ok(()) => return Ok((rows, Vec::new())),
            Err(error) if error.retryable() => return Err(error),
            Err(_) => {}
        }
        let (mut good, mut refused) = (Vec::new(), Vec::new());
        for row in rows {
            match self.series_know(place, &paths([&drafts[row]]), at).await {
                Ok(()) => good.push(row),
                Err(error) if error.retryable() => return Err(error),
                Err(error) => refused.push((row, error)),
            }
        }
        Ok((good, refused))
    }

    async fn batch_write(&self, of_series: &[(Place, Vec<usize>)], records: &[Record]) -> Result<()> {
        let minutes = self.minutes_of(of_series, records);
        let begun = Begun::now(&*self.deps.clock);
        let missing = minutes.iter().filter(|(place, minute)| self.known.mark(place, *minute, begun).is_none());
        let missing: Vec<&(Place, i64)> = missing.collect();
        let relied_on = minutes.iter().filter_map(|(place, minute)| self.known.mark(place, *minute, begun)).min();
        self.mark_all(missing.iter().copied(), begun).await?;
        let shelves = of_series.iter().map(|((tenant, name), rows)| (self.shelf(tenant, name), rows));
        let puts = shelves.flat_map(|(shelf, rows)| shelf.records_bulk(rows.iter().map(|row| &records[*row])));
        self.deps.store.bulk(MEASUREMENTS, puts.collect()).await?;
        let again = !self.holds(relied_on.unwrap_or(begun).min(begun));
        if again {
            self.mark_all(minutes.iter(), Begun::now(&*self.deps.clock)).await?;
        }
        let marked: BTreeSet<Place> = match again {
            true => minutes.into_iter().map(|(place, _)| place).collect(),
            false => missing.into_iter().map(|(place, _)| place.clone()).collect(),
        };
        let woken = marked.into_iter().map(|place| async move { self.roll_wake(&place).await });
        futures::stream::iter(woken).buffer_unordered(SERIES_AT_ONCE).collect::<()>().await;
        Ok(())
    }

    /// The minutes that the records of a batch lie in.
    fn minutes_of(&self, of_series: &[(Place, Vec<usize>)], records: &[Record]) -> BTreeSet<(Place, i64)> {
        let minutes = of_series.iter().flat_map(|(place, rows)| {
            let minutes: BTreeSet<i64> = rows.iter().map(|row| minute_of(&records[*row])).collect();
            minutes.into_iter().map(|minute| (place.clone(), minute))
        });
        minutes.collect()
    }

    async fn mark_all(&self, minutes: impl Iterator<Item = &(Place, i64)>, begun: Begun) -> Result<()> {
        let now = self.deps.clock.now();
        let minutes: Vec<(Place, i64)> = minutes.cloned().collect();
        let marks = minutes.iter().map(|((tenant, name), minute)| self.shelf(tenant, name).mark_bulk(*minute, now));
        self.deps.store.bulk(SOURCE, marks.collect()).await?;
        self.known.marked(minutes, begun);
        Ok(())
    }

    /// Whether a mark that was begun then is certainly still there.
    fn holds(&self, begun: Begun) -> bool {
        begun.age(Begun::now(&*self.deps.clock)) < MARK_HOLDS
    }

    /// Makes sure that the head of a series names these readings.
    async fn series_know(&self, place: &Place, readings: &BTreeSet<&str>, at: Timestamp) -> Result<()> {
        let now = self.deps.clock.monotonic();
        if self.known.names(place, readings, now) {
            return Ok(());
        }
        let _turn = self.known.turn(place).await;
        if self.known.names(place, readings, now) {
            return Ok(());
        }
        let wanted: BTreeSet<String> = readings.iter().map(|reading| (*reading).to_owned()).collect();
        let names = self.heads.extend(&place.0, &place.1, &wanted, at).await?;
        self.known.head(place.clone(), names, now);
        Ok(())
    }
}

/// The paths of all readings of these drafts.
fn paths<'d>(drafts: impl IntoIterator<Item = &'d Draft>) -> BTreeSet<&'d str> {
    let mut paths = BTreeSet::new();
    for draft in drafts {
        paths.extend(draft.readings.iter().map(|(path, _)| path.as_str()));
    }
    paths
}

fn minute_of(record: &Record) -> i64 {
    Level::Minute.floor(record.at.as_microsecond())
}
