//! The averages of a week, over many records and over few, and how right figures are.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::batches::{lines, write};
use crate::bench::figure::{Bound, Figure};
use crate::bench::report::Report;
use crate::bench::{Options, rest};
use crate::http::Client;
use crate::process;
use crate::server::Server;

const FEW: u64 = 10_000;
const MINUTE_US: i64 = 60_000_000;
const WEEK_US: i64 = 7 * 86_400_000_000;
/// The last record is so old when the first is written: by then every mark has settled.
const BEHIND_US: i64 = 10 * MINUTE_US;
/// So many records are made at a time.
const PART: u64 = 500_000;
/// By when all partials have followed.
const FOLLOWED_MAX: Duration = Duration::from_secs(1_800);

pub(super) fn measure(program: &Path, options: &Options) -> Result<Report> {
    let many = options.users() * 10;
    let few = Week::written(program, FEW)?;
    let week = Week::written(program, many)?;
    let questions = if options.quick { 300 } else { 2_000 };
    // In turn, so that what else the machine does meets both.
    let (mut few, mut week) = (few, week);
    let (mut of_few, mut of_many) = (Vec::new(), Vec::new());
    for _ in 0..questions {
        of_few.push(few.ask()?);
        of_many.push(week.ask()?);
    }
    let (p99_few, p99_many) = (p99(of_few), p99(of_many));
    let (worst, quantile) = week.accuracy()?;
    let figure = |name, what: &str, value, unit, bound, from| Figure {
        name,
        what: what.to_owned(),
        value,
        unit,
        bound: Bound::AtMost(bound),
        from,
    };
    let from =
        format!("p99 {p99_many:.2} ms over {many} records, {p99_few:.2} ms over {FEW}, {questions} questions each");
    Ok(Report {
        figures: vec![
            figure(
                "week_many_next_to_few",
                "7d_average over many records, next to few",
                p99_many / p99_few,
                "x",
                2.0,
                from,
            ),
            figure(
                "figures_off",
                "mean and deviation off by, in 1e-9",
                worst / 1e-9,
                "e-9",
                1.0,
                format!("the worst of a week of {many} records, by hour and as a whole"),
            ),
            figure(
                "quantiles_off",
                "quantiles off by",
                quantile * 100.0,
                "%",
                1.0,
                "p50, p90, p99 of the same".to_owned(),
            ),
        ],
        notes: vec![format!(
            "{many} records were written in {:.0} s and rolled up {:.0} s later",
            week.wrote_s, week.rolled_s
        )],
        ..Report::default()
    })
}

fn p99(mut took: Vec<f64>) -> f64 {
    took.sort_by(f64::total_cmp);
    took.get(took.len() * 99 / 100).copied().unwrap_or(f64::NAN)
}

/// A server with a week of records, all of it in partials.
struct Week {
    _server: Server,
    client: Client,
    count: u64,
    first_us: i64,
    step_us: i64,
    wrote_s: f64,
    rolled_s: f64,
}

impl Week {
    fn written(program: &Path, count: u64) -> Result<Self> {
        let server = Server::start(program, &[])?;
        let mut client = Client::new(&server.url, Some(&server.api_key));
        let now = process::now_us()?.cast_signed();
        let (first_us, step_us) = (now - WEEK_US + 2 * BEHIND_US, (WEEK_US - 3 * BEHIND_US) / i64::try_from(count)?);
        let begun = Instant::now();
        for part in (0..count).step_by(usize::try_from(PART)?) {
            let first = first_us + i64::try_from(part)? * step_us;
            write(&mut client, &lines((count - part).min(PART), first, step_us))?;
        }
        let wrote_s = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        // The roller goes by time: when it has come to the last minutes, it has been everywhere.
        let last_us = first_us + step_us * i64::try_from(count)?;
        while dirty(&mut client, last_us - 2 * MINUTE_US)? > 0 {
            ensure!(begun.elapsed() < FOLLOWED_MAX, "some minutes stay dirty");
            rest(Duration::from_secs(1));
        }
        ensure!(dirty(&mut client, 0)? == 0, "some minutes were left out");
        let rolled_s = begun.elapsed().as_secs_f64();
        Ok(Self { _server: server, client, count, first_us, step_us, wrote_s, rolled_s })
    }

    /// Asks for the averages of the week; returns how many milliseconds that took.
    fn ask(&mut self) -> Result<f64> {
        let begun = Instant::now();
        let question = json!({ "type": "7d_average", "name": "bench" });
        self.client.json("POST", "/source/expose", &question)?.expect(200)?;
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    }

    /// How far figures are off, as a part of the largest value; and quantiles, as a part of theirs.
    fn accuracy(&mut self) -> Result<(f64, f64)> {
        let last = self.first_us + self.step_us * self.count.cast_signed();
        let (mut worst, mut quantile) = (0_f64, 0_f64);
        let hour = self.first_us + self.step_us * (self.count / 2).cast_signed();
        for (from, to) in [(self.first_us, last), (hour, hour + 3_600_000_000)] {
            let path = format!("/source/series/bench/window?from={from}&to={to}&readings=temp");
            let window: Value = self.client.get(&path)?.json(200)?;
            let figures = &window["buckets"][0]["readings"]["temp"];
            let value = |name: &str| figures[name].as_f64().with_context(|| format!("no {name}"));
            let mut values = self.temps(from, to);
            let n = values.len() as f64;
            ensure!(value("n")? == n, "{} values, expected {n}", figures["n"]);
            let size = 30.01;
            let mean = values.iter().map(|hundredths| *hundredths as f64).sum::<f64>() / 100.0 / n;
            let squares: f64 = values.iter().map(|it| (*it as f64 / 100.0 - mean).powi(2)).sum();
            worst = worst.max((value("mean")? - mean).abs() / size);
            worst = worst.max((value("stddev_pop")? - (squares / n).sqrt()).abs() / size);
            values.sort_unstable();
            for (name, q) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
                let expected = values[(q * (n - 1.0)) as usize] as f64 / 100.0;
                quantile = quantile.max((value(name)? - expected).abs() / expected.abs());
            }
        }
        Ok((worst, quantile))
    }

    /// The temperatures of a stretch of time in hundredths, which sum exactly.
    fn temps(&self, from: i64, to: i64) -> Vec<i64> {
        // As `lines` makes them, each part anew.
        let temp = |n: u64| ((n % PART) * 37 % 4_001).cast_signed() - 1_000;
        let at = |n: &u64| self.first_us + self.step_us * n.cast_signed();
        (0..self.count).filter(|n| (from..to).contains(&at(n))).map(temp).collect()
    }
}

/// How many minutes are dirty from `from` on.
fn dirty(client: &mut Client, from: i64) -> Result<u64> {
    let path = format!("/source/series/bench/window?from={from}&readings=none&stats=n");
    let window: Value = client.get(&path)?.json(200)?;
    window["dirty_minutes"].as_u64().context("no number of dirty minutes")
}
