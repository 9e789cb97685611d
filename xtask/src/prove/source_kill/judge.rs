//! What is there, against what was acknowledged; windows, against the records.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::super::disk::Random;
use super::writer::{Acked, SERIES};
use crate::http::Client;

/// So many windows of each series are asked for.
const WINDOWS: u64 = 12;
/// What a figure may be off by, as a part of the largest value.
const CLOSE: f64 = 1e-9;
/// At most so many things that are wrong are told.
const WRONG_MAX: usize = 10;
/// The same of a quantile, as a part of it: what is promised of the sketch, and the last bit of a float.
const QUANTILE_CLOSE: f64 = 0.01 + 1e-9;
const STEPS: [&str; 6] = ["1d", "1w", "24h", "7h", "90m", "3601s"];
const ZONES: [&str; 4] = ["UTC", "Europe/Lisbon", "America/New_York", "Asia/Kathmandu"];

/// What was found in all.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) acked: u64,
    pub(super) stored: u64,
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) windows: u64,
    pub(super) figures: u64,
    /// How many dirty minutes the windows met.
    pub(super) dirty: u64,
    pub(super) wrong: Vec<String>,
}

impl Findings {
    pub(super) fn held(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.wrong.is_empty()
    }

    pub(super) fn check(&mut self, right: bool, what: impl FnOnce() -> String) {
        if !right && self.wrong.len() < WRONG_MAX {
            self.wrong.push(what());
        }
    }
}

/// A record as it is listed.
struct Record {
    at: String,
    data: Value,
}

/// Looks at every record, at windows of every series, and at what the series say of themselves.
pub(super) fn everything(client: &mut Client, acked: &Acked, random: &mut Random, found: &mut Findings) -> Result<()> {
    found.stored = 0;
    for series in SERIES {
        let records = listed(client, series)?;
        found.stored += records.len() as u64;
        present(series, &records, acked, found);
        let says: Value = client.get(&format!("/source/series/{series}"))?.json(200)?;
        found.check(says["records"] == records.len(), || {
            format!("{series} says {} records, there are {}", says["records"], records.len())
        });
        for _ in 0..WINDOWS {
            window(client, series, &records, random, found)?;
        }
    }
    Ok(())
}

fn listed(client: &mut Client, series: &str) -> Result<Vec<Record>> {
    let text = client.get(&format!("/source/series/{series}/records?from=0&format=ndjson"))?.expect(200)?;
    let record = |line: &str| {
        let mut record: Value = serde_json::from_str(line)?;
        let at = record["event_time"].as_str().context("a record without a time")?.to_owned();
        Ok(Record { at, data: record["data"].take() })
    };
    String::from_utf8(text)?.lines().map(record).collect()
}

fn present(series: &str, records: &[Record], acked: &Acked, found: &mut Findings) {
    let mut there: HashMap<&str, &Value> = HashMap::new();
    for record in records {
        let before = there.insert(record.data["id"].as_str().unwrap_or_default(), &record.data);
        found.doubled += u64::from(before.is_some());
    }
    let own = acked.iter().filter(|(_, (name, _))| name == series);
    found.lost += own.filter(|(id, (_, data))| there.get(id.as_str()) != Some(&data)).count() as u64;
}

fn window(
    client: &mut Client,
    series: &str,
    records: &[Record],
    random: &mut Random,
    found: &mut Findings,
) -> Result<()> {
    // An edge at a record's own time: whoever is off by one there is caught.
    let edge = |random: &mut Random| records.get(random.below(records.len() as u64) as usize).map(|it| it.at.clone());
    let (one, two) = (edge(random), edge(random));
    let (from, to) = if one < two { (one, two) } else { (two, one) };
    let from = from.context("a series without records")?;
    let path = match to {
        Some(to) if from < to && random.below(4) > 0 => {
            let step = STEPS[random.below(STEPS.len() as u64) as usize];
            let zone = ZONES[random.below(ZONES.len() as u64) as usize];
            format!("/source/series/{series}/window?from={from}&to={to}&step={step}&tz={zone}")
        }
        _ => format!("/source/series/{series}/window?from={from}"),
    };
    let window: Value = client.get(&path)?.json(200)?;
    found.windows += 1;
    found.dirty += window["dirty_minutes"].as_u64().unwrap_or(0);
    for bucket in window["buckets"].as_array().context("no buckets")? {
        let [from, to] = ["from", "to"].map(|name| bucket[name].as_str().unwrap_or_default());
        let start = records.partition_point(|record| record.at.as_str() < from);
        let end = records.partition_point(|record| record.at.as_str() < to);
        found.check(bucket["records"] == end - start, || {
            format!("{path}: {from} has {} records, expected {}", bucket["records"], end - start)
        });
        for reading in ["v", "far"] {
            let values = records[start..end].iter().filter_map(|record| record.data[reading].as_f64());
            let figures = &bucket["readings"][reading];
            let wrong = differs(figures, &values.collect::<Vec<f64>>());
            found.figures += 1;
            found.check(wrong.is_none(), || format!("{path}: {from} {reading}: {}", wrong.unwrap_or_default()));
        }
    }
    Ok(())
}

/// How the figures differ from those of the values, if they do.
fn differs(figures: &Value, values: &[f64]) -> Option<String> {
    let n = values.len() as f64;
    if values.is_empty() {
        return (!figures.is_null()).then(|| format!("{figures} of nothing"));
    }
    let size = values.iter().fold(0_f64, |size, value| size.max(value.abs()));
    let mean = values.iter().map(|value| value - values[0]).sum::<f64>() / n + values[0];
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let mut ordered = values.to_vec();
    ordered.sort_by(f64::total_cmp);
    let quantile = |name, q: f64| {
        let value = ordered[(q * (n - 1.0)) as usize];
        (name, value, QUANTILE_CLOSE * value.abs())
    };
    let expected = [
        ("n", n, 0.0),
        ("mean", mean, CLOSE * size),
        ("stddev_pop", (squares / n).sqrt(), CLOSE * size),
        ("sum", mean * n, CLOSE * size * n),
        ("min", ordered[0], 0.0),
        ("max", ordered[ordered.len() - 1], 0.0),
        ("first", values[0], 0.0),
        ("last", values[values.len() - 1], 0.0),
        quantile("p50", 0.5),
        quantile("p90", 0.9),
        quantile("p99", 0.99),
    ];
    let off = expected.into_iter().find(|(name, expected, within)| {
        figures[*name].as_f64().is_none_or(|value| (value - expected).abs() > *within)
    });
    let sample = (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
    let sampled = figures["stddev_sample"].as_f64();
    if off.is_none() && !sampled.zip(sample).map_or(sampled == sample, |(one, two)| (one - two).abs() <= CLOSE * size) {
        return Some(format!("stddev_sample is {sampled:?}, expected {sample:?}"));
    }
    off.map(|(name, expected, _)| format!("{name} is {}, expected {expected}", figures[name]))
}
