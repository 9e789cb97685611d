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
use crate::model::{Detail, Grain, Level, Name, Partial};
use crate::store::Shelf;
use crate::store::partials::Partials;
use crate::store::ranges::Ranges;

/// At most so many figures in one answer: buckets times readings.
pub const FIGURES_MAX: usize = 100_000;
/// A mark that is older than this has no roller.
const MARK_FORGOTTEN: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// What is asked for of a window.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'w> {
    /// Which readings; all of them unless said.
    pub readings: Option<&'w [String]>,
    /// Which figures of them.
    pub detail: Detail,
}

impl Wanted<'_> {
    /// All there is.
    pub const ALL: Self = Self { readings: None, detail: Detail::Whole };
    /// How many records there are, and nothing of what was measured.
    pub const COUNTS: Self = Self { readings: Some(&[]), detail: Detail::Brief };

    fn takes(&self, path: &str) -> bool {
        self.readings.is_none_or(|wanted| wanted.iter().any(|one| one == path))
    }
}

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
    /// The figures between `cuts`.
    ///
    /// # Errors
    /// `NotFound` when there is no such series; `Invalid` when the answer would be too large.
    pub async fn window(&self, ctx: &Ctx, series: &Name, cuts: &[i64], wanted: Wanted<'_>) -> Result<Window> {
        let head = self.head(&ctx.tenant, series).await?;
        let readings = wanted.readings.map_or(head.readings.len(), <[String]>::len);
        let buckets = cuts.len() - 1;
        if readings * buckets > FIGURES_MAX {
            let (field, instead) = if buckets > 1 { ("step", "a longer step or ") } else { ("readings", "") };
            let text = format!("Buckets times readings are at most {FIGURES_MAX}: choose {instead}fewer readings");
            return Err(Error::invalid(field, text));
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
pub(crate) async fn read(shelf: &Shelf, cuts: &[i64], wanted: Wanted<'_>) -> Result<Window> {
    let (Some(from), Some(to)) = (cuts.first(), cuts.last()) else {
        return Err(Error::internal("a window of nothing"));
    };
    let marks = shelf.dirty(*from, *to).await?;
    let dirty: Vec<i64> = marks.iter().map(|mark| mark.minute).collect();
    let (mut reading, mut late) =
        futures::try_join!(Reading::open(shelf, cuts, &dirty, wanted.detail), Late::open(shelf, *from..*to, &dirty))?;
    let mut buckets = empty(cuts)?;
    let mut bucket = 0;
    while let Some((at, piece)) = reading.next().await? {
        while cuts[bucket + 1] <= at {
            bucket += 1;
        }
        let partial = &mut buckets[bucket].partial;
        match piece {
            Piece::Partial(mut piece) => {
                piece.readings.retain(|path, _| wanted.takes(path));
                partial.merge(piece);
            }
            Piece::Record(data) => {
                late.met(at);
                let mut readings = readings(&data).map_err(|_| Error::internal("a record cannot be read again"))?;
                readings.retain(|(path, _)| wanted.takes(path));
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

/// Pieces of one grain, in the order of their time.
enum Lane {
    Partials(Partials),
    Records(Ranges),
}

impl Lane {
    /// The lane and its first piece.
    async fn begun(mut self) -> Result<(Self, Option<(i64, Piece)>)> {
        let first = self.next().await?;
        Ok((self, first))
    }

    async fn next(&mut self) -> Result<Option<(i64, Piece)>> {
        let records = match self {
            Self::Partials(partials) => {
                return Ok(partials.next().await?.map(|(from, partial)| (from, Piece::Partial(partial))));
            }
            Self::Records(records) => records,
        };
        let Some(item) = records.next().await? else { return Ok(None) };
        let at = crate::model::instant::of_sort(&item.key.sort);
        let at = at.ok_or_else(|| Error::internal("a record has no time"))?.as_microsecond();
        Ok(Some((at, Piece::Record(item.body.data.unwrap_or_default()))))
    }
}

/// The pieces of a window in the order of their time: a merge of the lanes.
struct Reading {
    /// Each with its first piece that has not been given, while it has one.
    lanes: Vec<(Lane, Option<(i64, Piece)>)>,
}

impl Reading {
    async fn open(shelf: &Shelf, cuts: &[i64], dirty: &[i64], detail: Detail) -> Result<Self> {
        let spans = cover(cuts, dirty);
        let of = |grain| spans.iter().filter(move |span| span.grain == grain).map(|span| (span.from, span.to));
        let partials = Level::ALL.map(|level| Lane::Partials(shelf.partials_in(level, of(Grain::Of(level)), detail)));
        let lanes = partials.into_iter().chain([Lane::Records(shelf.records_in(of(Grain::Records)))]);
        Ok(Self { lanes: futures::future::try_join_all(lanes.map(Lane::begun)).await? })
    }

    async fn next(&mut self) -> Result<Option<(i64, Piece)>> {
        let waiting = self.lanes.iter_mut().filter(|(_, piece)| piece.is_some());
        let first = waiting.min_by_key(|(_, piece)| piece.as_ref().map(|(at, _)| *at));
        let Some((lane, piece)) = first else { return Ok(None) };
        let next = lane.next().await?;
        Ok(std::mem::replace(piece, next))
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
        let mut partials = shelf.partials_in(Level::Minute, minutes, Detail::Brief);
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
