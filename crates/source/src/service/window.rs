//! Figures of a stretch of time, bucket by bucket.
//!
//! Which minutes are dirty is asked first. What has no dirty minute is read from partials, the
//! largest that fit; dirty minutes are read from their records. A record that was acknowledged
//! before the question is counted: either its minute is marked, or the mark went after the partials
//! were computed with the record. Each record lies in exactly one piece, so none is counted twice,
//! whatever the roller does meanwhile.

use std::collections::HashMap;

use base::{Ctx, Error, Result};
use jiff::Timestamp;

use super::Source;
use crate::model::reading::readings;
use crate::model::span::cover;
use crate::model::{Grain, Level, Name, Partial};
use crate::store::Shelf;
use crate::store::partials::Partials;
use crate::store::ranges::Ranges;

/// At most so many figures in one answer: buckets times readings.
pub const FIGURES_MAX: usize = 100_000;
/// A mark that is older than this has no roller.
const MARK_FORGOTTEN: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// A stretch of time and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// Where it begins.
    pub from: Timestamp,
    /// Where it ends; outside.
    pub to: Timestamp,
    /// What is known.
    pub partial: Partial,
}

/// A window, in buckets without a gap.
#[derive(Clone, Debug)]
pub struct Window {
    /// The buckets in order, those without records too.
    pub buckets: Vec<Bucket>,
    /// How many records came after their minute had been computed, and are counted all the same.
    pub late_rows: u64,
    /// How many minutes were read from their records, since their partials may be behind.
    pub dirty_minutes: usize,
    /// When the oldest mark was made that the window met.
    pub oldest_mark: Option<Timestamp>,
}

impl Source {
    /// The figures between `cuts`, of all readings or of those that are named.
    ///
    /// # Errors
    /// `NotFound` when there is no such series; `Invalid` when the answer would be too large.
    pub async fn window(&self, ctx: &Ctx, series: &Name, cuts: &[i64], wanted: Option<&[String]>) -> Result<Window> {
        let head = self.head(&ctx.tenant, series).await?;
        let readings = wanted.map_or(head.readings.len(), <[String]>::len);
        if readings * (cuts.len() - 1) > FIGURES_MAX {
            let text =
                format!("Buckets times readings are at most {FIGURES_MAX}: choose a longer step or fewer readings");
            return Err(Error::invalid("step", text));
        }
        self.events.read(ctx, series);
        let window = read(&self.shelf(&ctx.tenant, series), cuts, wanted).await?;
        let forgotten = |at: &Timestamp| self.deps.clock.now().duration_since(*at) > MARK_FORGOTTEN;
        if window.oldest_mark.as_ref().is_some_and(forgotten) {
            self.roll_wake(&(ctx.tenant.clone(), series.clone())).await;
        }
        Ok(window)
    }
}

/// Reads a window of one series.
pub(crate) async fn read(shelf: &Shelf, cuts: &[i64], wanted: Option<&[String]>) -> Result<Window> {
    let (Some(from), Some(to)) = (cuts.first(), cuts.last()) else {
        return Err(Error::internal("a window of nothing"));
    };
    let marks = shelf.dirty(*from, *to).await?;
    let dirty: Vec<i64> = marks.iter().map(|mark| mark.minute).collect();
    let mut reading = Reading::open(shelf, cuts, &dirty).await?;
    let mut late = Late::open(shelf, *from..*to, &dirty).await?;
    let mut buckets = empty(cuts)?;
    let mut bucket = 0;
    while let Some((at, piece)) = reading.next().await? {
        while cuts[bucket + 1] <= at {
            bucket += 1;
        }
        let partial = &mut buckets[bucket].partial;
        match piece {
            Piece::Partial(mut piece) => {
                piece.retain(wanted);
                partial.merge(piece);
            }
            Piece::Record(data) => {
                late.met(at);
                let mut readings = readings(&data).map_err(|_| Error::internal("a record cannot be read again"))?;
                readings.retain(|(path, _)| wanted.is_none_or(|wanted| wanted.contains(path)));
                partial.add(readings);
            }
        }
    }
    let oldest_mark = marks.iter().map(|mark| mark.at).min();
    Ok(Window { buckets, late_rows: late.rows(), dirty_minutes: dirty.len(), oldest_mark })
}

fn empty(cuts: &[i64]) -> Result<Vec<Bucket>> {
    let at = |us: i64| Timestamp::from_microsecond(us).map_err(Error::internal);
    let bucket = |pair: &[i64]| Ok(Bucket { from: at(pair[0])?, to: at(pair[1])?, partial: Partial::default() });
    cuts.windows(2).map(bucket).collect()
}

/// A piece of a window.
enum Piece {
    Record(String),
    Partial(Partial),
}

/// The pieces of a window in the order of their time: a merge of a lane for each grain.
struct Reading {
    records: Ranges,
    partials: Vec<Partials>,
    /// The first piece of each lane that has one; the records' lane is the last.
    heads: Vec<Option<(i64, Piece)>>,
}

impl Reading {
    async fn open(shelf: &Shelf, cuts: &[i64], dirty: &[i64]) -> Result<Self> {
        let spans = cover(cuts, dirty);
        let of = |grain| spans.iter().filter(move |span| span.grain == grain).map(|span| (span.from, span.to));
        let partials = Level::ALL.map(|level| shelf.partials_in(level, of(Grain::Of(level))));
        let records = shelf.records_in(of(Grain::Records));
        let mut reading = Self { records, partials: partials.into(), heads: Vec::new() };
        for lane in 0..=Level::ALL.len() {
            let head = reading.pull(lane).await?;
            reading.heads.push(head);
        }
        Ok(reading)
    }

    async fn pull(&mut self, lane: usize) -> Result<Option<(i64, Piece)>> {
        if let Some(partials) = self.partials.get_mut(lane) {
            return Ok(partials.next().await?.map(|(from, partial)| (from, Piece::Partial(partial))));
        }
        let Some(item) = self.records.next().await? else { return Ok(None) };
        let at = crate::model::instant::of_sort(&item.key.sort);
        let at = at.ok_or_else(|| Error::internal("a record has no time"))?.as_microsecond();
        Ok(Some((at, Piece::Record(item.body.data.unwrap_or_default()))))
    }

    async fn next(&mut self) -> Result<Option<(i64, Piece)>> {
        let first = self.heads.iter().enumerate().filter_map(|(lane, head)| Some((head.as_ref()?.0, lane))).min();
        let Some((_, lane)) = first else { return Ok(None) };
        let next = self.pull(lane).await?;
        Ok(std::mem::replace(&mut self.heads[lane], next))
    }
}

/// Counts records that are there and were not when their minute was computed.
struct Late {
    /// How many records a dirty minute had when it was computed.
    computed: HashMap<i64, u64>,
    met: HashMap<i64, u64>,
}

impl Late {
    async fn open(shelf: &Shelf, window: std::ops::Range<i64>, dirty: &[i64]) -> Result<Self> {
        let whole = |minute: &i64| window.start <= *minute && minute + Level::Minute.us() <= window.end;
        let minutes = dirty.iter().copied().filter(whole).map(|minute| (minute, minute + Level::Minute.us()));
        let mut partials = shelf.partials_in(Level::Minute, minutes);
        let mut computed = HashMap::new();
        while let Some((minute, partial)) = partials.next().await? {
            *computed.entry(minute).or_default() += partial.records;
        }
        Ok(Self { computed, met: HashMap::new() })
    }

    fn met(&mut self, at: i64) {
        let minute = Level::Minute.floor(at);
        if self.computed.contains_key(&minute) {
            *self.met.entry(minute).or_default() += 1;
        }
    }

    fn rows(&self) -> u64 {
        self.met.iter().map(|(minute, met)| met.saturating_sub(self.computed[minute])).sum()
    }
}
