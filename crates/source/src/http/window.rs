//! Figures of any stretch of time.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::State;
use base::{Error, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use web::scope::SourceRead;
use web::{Answer, Caller, Json, Params, PathId};

use crate::Source;
use crate::model::step::{self, Step};
use crate::model::{Detail, Figures, Level, Name, instant};
use crate::service::window::{Bucket, Wanted};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WindowParams {
    /// Where the window begins: RFC 3339, or seconds, milliseconds or microseconds since 1970; a
    /// day before its end unless said.
    from: Option<String>,
    /// Where it ends, itself outside; now unless said.
    to: Option<String>,
    /// How long a bucket is: `1d` and `1w` by the calendar of `tz`, else a number of s, m, h, d or
    /// w, such as `15m`, counted from where the window begins. One bucket unless said.
    step: Option<String>,
    /// Which figures, joined by commas: n, mean, stddev_pop, stddev_sample, min, max, first, last,
    /// sum, p50, p90, p99. All unless said.
    stats: Option<String>,
    /// Whose calendar: an IANA time zone, by default UTC.
    tz: Option<String>,
    /// Only these numbers, by their paths, joined by commas. All unless said.
    readings: Option<String>,
}

/// Figures of a stretch of time, in buckets without a gap.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "name": "roof", "from": "2026-01-14T00:00:00.000000Z", "to": "2026-01-15T00:00:00.000000Z", "step": null,
    "tz": "UTC", "as_of": "2026-01-15T10:30:00.000000Z", "late_rows": 0, "dirty_minutes": 0, "buckets": [{
        "from": "2026-01-14T00:00:00.000000Z", "to": "2026-01-15T00:00:00.000000Z", "records": 2, "gap": false,
        "readings": { "temp": { "n": 2, "mean": 21.6, "stddev_pop": 0.1 } }
    }]
}))]
pub(super) struct WindowView {
    /// The series.
    name: String,
    /// Where the window begins.
    #[schema(format = DateTime)]
    from: String,
    /// Where it ends, itself outside.
    #[schema(format = DateTime)]
    to: String,
    /// How long a bucket is.
    step: Option<String>,
    /// Whose calendar.
    tz: String,
    /// Every record that was acknowledged before this is counted.
    #[schema(format = DateTime)]
    as_of: String,
    /// How many records came after their minute had been computed, and are counted all the same.
    late_rows: u64,
    /// How many minutes were read from their records, since their partials may be behind.
    dirty_minutes: usize,
    /// The buckets in order.
    buckets: Vec<BucketView>,
}

/// Figures of one bucket.
#[derive(Debug, Serialize, ToSchema)]
struct BucketView {
    /// Where it begins.
    #[schema(format = DateTime)]
    from: String,
    /// Where it ends, itself outside.
    #[schema(format = DateTime)]
    to: String,
    /// How many records lie in it.
    records: u64,
    /// Whether none does.
    gap: bool,
    /// The figures of each number, by its path. Quantiles are within 1 % of their value.
    #[schema(value_type = std::collections::HashMap<String, FiguresView>)]
    readings: Map<String, Value>,
}

/// Figures of one number; those that were asked for.
#[derive(Debug, Serialize, ToSchema)]
struct FiguresView {
    /// How many values.
    n: Option<u64>,
    /// Their mean.
    mean: Option<f64>,
    /// Their deviation, as a whole population.
    stddev_pop: Option<f64>,
    /// Their deviation, estimated from a sample; null for one value.
    stddev_sample: Option<f64>,
    /// The smallest.
    min: Option<f64>,
    /// The largest.
    max: Option<f64>,
    /// That of the earliest record.
    first: Option<f64>,
    /// That of the latest record.
    last: Option<f64>,
    /// Their sum.
    sum: Option<f64>,
    /// Half of the values are not above it.
    p50: Option<f64>,
    /// Nine tenths of the values are not above it.
    p90: Option<f64>,
    /// All but one in a hundred are not above it.
    p99: Option<f64>,
}

/// A figure that can be asked for: its name, how much has to be read for it, and what it is.
type Stat = (&'static str, Detail, fn(&Figures) -> Value);

const STATS: [Stat; 12] = [
    ("n", Detail::Brief, |figures| figures.n.into()),
    ("mean", Detail::Brief, |figures| figures.mean.into()),
    ("stddev_pop", Detail::Brief, |figures| figures.stddev_pop().into()),
    ("stddev_sample", Detail::Brief, |figures| figures.stddev_sample().into()),
    ("min", Detail::Brief, |figures| figures.min.into()),
    ("max", Detail::Brief, |figures| figures.max.into()),
    ("first", Detail::Brief, |figures| figures.first.into()),
    ("last", Detail::Brief, |figures| figures.last.into()),
    ("sum", Detail::Brief, |figures| figures.sum().into()),
    ("p50", Detail::Whole, |figures| figures.quantile(0.5).into()),
    ("p90", Detail::Whole, |figures| figures.quantile(0.9).into()),
    ("p99", Detail::Whole, |figures| figures.quantile(0.99).into()),
];

/// Reads figures of any stretch of time, from partials and, where those are behind, from records.
#[utoipa::path(get, path = "/source/series/{name}/window",
    params(WindowParams, ("name" = String, Path, description = "The series")),
    responses((status = 200, body = WindowView)))]
pub(super) async fn series_window(
    caller: Caller<SourceRead>,
    State(source): State<Arc<Source>>,
    PathId(name): PathId<Name>,
    Params(params): Params<WindowParams>,
) -> Answer<Json<WindowView>> {
    let (from, to) = stretch(params.from.as_deref(), params.to.as_deref(), caller.now())?;
    let step = params.step.as_deref().map(Step::from_str).transpose()?;
    let tz = params.tz.as_deref().unwrap_or("UTC");
    let whole = Step::Length(i64::MAX);
    let cuts = step::cuts(from, to, step.unwrap_or(whole), &step::zone(tz)?)?;
    let stats = stats(params.stats.as_deref())?;
    let readings: Option<Vec<String>> = params.readings.map(|list| list.split(',').map(str::to_owned).collect());
    let detail = stats.iter().map(|(_, detail, _)| *detail).max().unwrap_or(Detail::Brief);
    let window = source.window(&caller, &name, &cuts, Wanted { readings: readings.as_deref(), detail }).await?;
    Ok(Json(WindowView {
        name: name.as_str().to_owned(),
        from: instant::text(from),
        to: instant::text(to),
        tz: tz.to_owned(),
        as_of: instant::text(caller.now()),
        late_rows: window.late_rows,
        dirty_minutes: window.dirty_minutes,
        buckets: window.buckets.into_iter().map(|bucket| view(bucket, &stats)).collect(),
        step: params.step,
    }))
}

/// The stretch of time that is asked about; the day before now unless said.
///
/// # Errors
/// `Invalid`, naming `from` or `to`.
pub(super) fn stretch(from: Option<&str>, to: Option<&str>, now: Timestamp) -> Result<(Timestamp, Timestamp)> {
    let to = to.map_or(Ok(now), |to| instant::parse("to", to))?;
    let day_before = || {
        let us = to.as_microsecond().saturating_sub(Level::Day.us()).max(instant::FIRST_US);
        Timestamp::from_microsecond(us).map_err(Error::internal)
    };
    let from = from.map_or_else(day_before, |from| instant::parse("from", from))?;
    if from < to { Ok((from, to)) } else { Err(Error::invalid("to", "Must be later than from")) }
}

fn stats(asked: Option<&str>) -> Result<Vec<Stat>> {
    let Some(asked) = asked else { return Ok(STATS.to_vec()) };
    let find = |name: &str| STATS.into_iter().find(|(known, ..)| *known == name);
    let found: Option<Vec<Stat>> = asked.split(',').map(find).collect();
    found.ok_or_else(|| {
        let all = STATS.map(|(name, ..)| name).join(", ");
        Error::invalid("stats", format!("Allowed, joined by commas: {all}"))
    })
}

fn view(bucket: Bucket, stats: &[Stat]) -> BucketView {
    let figures = |figures: &Figures| -> Map<String, Value> {
        stats.iter().map(|(name, _, stat)| ((*name).to_owned(), stat(figures))).collect()
    };
    BucketView {
        from: instant::text(bucket.from),
        to: instant::text(bucket.to),
        records: bucket.partial.records,
        gap: bucket.partial.is_empty(),
        readings: bucket.partial.readings.iter().map(|(path, it)| (path.clone(), figures(it).into())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_to_know_how_values_are_spread_says_so() {
        let mut whole = Figures::of(1.5);
        whole.add(7.0);
        let brief = Figures { sketch: None, ..whole.clone() };
        for (name, detail, stat) in STATS {
            assert_eq!(stat(&brief) == stat(&whole), detail == Detail::Brief, "{name}");
        }
    }
}
