//! Measurements that nobody here made: 26,115 hourly observations of the weather at three airports,
//! and the hourly temperatures of Seattle and San Francisco.
//!
//! They are written through the API with their own times. Their daily and weekly figures, by the
//! calendar of where they were measured, are compared with those that pandas computes of the same
//! files: at once, when every minute is read from its records, and again when all partials have
//! followed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::Client;
use crate::server::{self, Server};
use crate::{process, tools};

use super::package;

const PACKAGES: [&str; 2] = ["pandas==2.3.3", "vega_datasets==0.9.0"];
const SCRIPT: &str = include_str!("measurements.py");
/// How many observations of the weather there are.
const WEATHER_ROWS: usize = 26_115;
/// A batch has so many records.
const BATCH: usize = 5_000;
/// What pandas and we may differ by, as a part of the value, or of 1 where that is more.
const CLOSE: f64 = 1e-9;
/// By when all partials have followed: marks settle for a minute.
const FOLLOWED_MAX: Duration = Duration::from_secs(240);
/// Between two looks.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
struct Expected {
    pandas: String,
    series: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    name: String,
    tz: String,
    rows: usize,
    steps: BTreeMap<String, Windows>,
}

/// What is expected of the windows of one step.
#[derive(Deserialize)]
struct Windows {
    from: String,
    to: String,
    /// By where each begins, and the number.
    buckets: BTreeMap<String, BTreeMap<String, Figures>>,
}

/// n, mean, deviation of a population, of a sample.
type Figures = (u64, f64, f64, Option<f64>);

/// Writes, asks, waits for the partials, and asks again.
///
/// # Errors
/// When the files cannot be had, or a figure is another than pandas'.
pub(super) fn run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let expected = expected(folder.path())?;
    let weather: usize = expected.series.iter().filter(|it| it.name.starts_with("weather")).map(|it| it.rows).sum();
    ensure!(weather == WEATHER_ROWS, "there are {weather} observations");
    let server = Server::start(&server::release()?, &[])?;
    let mut client = Client::new(&server.url, Some(&server.api_key));
    let begun = Instant::now();
    for series in &expected.series {
        write(&mut client, folder.path(), series).with_context(|| series.name.clone())?;
    }
    let rows: usize = expected.series.iter().map(|series| series.rows).sum();
    let speed = (rows as f64 / begun.elapsed().as_secs_f64()) as u64;
    let mut compared = compare(&mut client, &expected)?;
    ensure!(compared.dirty > 0, "partials were there before they could be");
    let from_records = compared.figures;
    let deadline = Instant::now() + FOLLOWED_MAX;
    while compared.dirty > 0 {
        ensure!(Instant::now() < deadline, "{} minutes are still dirty", compared.dirty);
        std::thread::park_timeout(PATIENCE);
        compared = compare(&mut client, &expected)?;
    }
    let figures = json!({
        "data": "measurements",
        "rows": rows,
        "pandas": expected.pandas,
        "figures_from_records": from_records,
        "figures_from_partials": compared.figures,
        "worst": compared.worst,
        "write_rows_per_s": speed,
    });
    println!("{figures}");
    Ok(())
}

/// The Python that has pandas.
///
/// # Errors
/// When it cannot be had.
pub(super) fn python() -> Result<PathBuf> {
    Ok(tools::python_packages("measurements", &PACKAGES)?.join("bin/python"))
}

fn expected(folder: &Path) -> Result<Expected> {
    let weather = package::unpacked()?.join("weather.csv");
    let python = python()?;
    let script = folder.join("measurements.py");
    std::fs::write(&script, SCRIPT)?;
    let mut command = process::command(python, "");
    command.arg(script).arg(weather).arg(folder);
    process::run(command)?;
    Ok(serde_json::from_slice(&std::fs::read(folder.join("expected.json"))?)?)
}

fn write(client: &mut Client, folder: &Path, series: &Series) -> Result<()> {
    let text = std::fs::read_to_string(folder.join(&series.name).with_extension("ndjson"))?;
    let lines: Vec<&str> = text.lines().collect();
    ensure!(lines.len() == series.rows, "{} lines", lines.len());
    for batch in lines.chunks(BATCH) {
        client.send("POST", "/source/write_batch", "application/x-ndjson", batch.join("\n").as_bytes())?;
        let report: Value = client.receive()?.json(207)?;
        ensure!(report["saved"] == batch.len(), "{} of {} were saved", report["saved"], batch.len());
    }
    let series_now: Value = client.get(&path(series, ""))?.json(200)?;
    ensure!(series_now["records"] == series.rows, "it counts {}", series_now["records"]);
    Ok(())
}

fn path(series: &Series, rest: &str) -> String {
    format!("/source/series/{}{rest}", series.name.replace(' ', "%20"))
}

/// What a comparison found.
#[derive(Default)]
struct Compared {
    figures: usize,
    /// The largest difference, as a part of the value.
    worst: f64,
    dirty: u64,
}

fn compare(client: &mut Client, expected: &Expected) -> Result<Compared> {
    let mut compared = Compared::default();
    for series in &expected.series {
        for (step, windows) in &series.steps {
            let query = format!("from={}&to={}&step={step}&tz={}", windows.from, windows.to, series.tz);
            let query = format!("/window?{query}&stats=n,mean,stddev_pop,stddev_sample");
            let window: Value = client.get(&path(series, &query))?.json(200)?;
            compared.dirty += window["dirty_minutes"].as_u64().context("no number of dirty minutes")?;
            compared.window(&window, windows).with_context(|| format!("{} by {step}", series.name))?;
        }
    }
    ensure!(compared.figures > 0, "nothing was compared");
    Ok(compared)
}

impl Compared {
    fn window(&mut self, window: &Value, expected: &Windows) -> Result<()> {
        let buckets = window["buckets"].as_array().context("no buckets")?;
        let mut known = 0;
        for bucket in buckets {
            let from = bucket["from"].as_str().context("a bucket without a beginning")?;
            let readings = bucket["readings"].as_object().context("a bucket without readings")?;
            let Some(expected) = expected.buckets.get(from) else {
                ensure!(readings.is_empty(), "pandas has nothing of {from}");
                continue;
            };
            known += 1;
            ensure!(readings.len() == expected.len(), "{from}: {readings:?}");
            for (name, (n, mean, population, sample)) in expected {
                let ours = &readings[name];
                ensure!(ours["n"] == *n, "{from} {name}: {} values, {n} expected", ours["n"]);
                self.close(&ours["mean"], Some(*mean)).with_context(|| format!("{from} {name} mean"))?;
                self.close(&ours["stddev_pop"], Some(*population)).with_context(|| format!("{from} {name} pop"))?;
                self.close(&ours["stddev_sample"], *sample).with_context(|| format!("{from} {name} sample"))?;
            }
        }
        ensure!(known == expected.buckets.len(), "{known} of {} buckets", expected.buckets.len());
        Ok(())
    }

    fn close(&mut self, ours: &Value, expected: Option<f64>) -> Result<()> {
        let off = match (ours.as_f64(), expected) {
            (None, None) => 0.0,
            (Some(ours), Some(expected)) => (ours - expected).abs() / expected.abs().max(1.0),
            _ => f64::INFINITY,
        };
        ensure!(off <= CLOSE, "{ours}, pandas {expected:?}");
        self.worst = self.worst.max(off);
        self.figures += 1;
        Ok(())
    }
}
