//! What requests, tasks and records cost: requests to the backends, and what AWS charges for them.
//!
//! The counting is done by `crates/freight/examples/costs`, the server and the engine on memory with a
//! meter before each contract. Nothing here depends on how fast the machine is.

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::Options;
use super::figure::{Bound, Figure};
use super::report::Report;
use crate::process;

/// What AWS asks for a million, in US dollars, on demand. Not read from a list of AWS: parameters, to be
/// set to what one's own region asks.
const READ_UNITS: f64 = 0.125;
const WRITE_UNITS: f64 = 0.625;
const QUEUE_REQUESTS: f64 = 0.40;

/// A line of the example: of each that is counted how much was asked, and at most how much may be.
#[derive(Deserialize)]
struct Measure {
    name: String,
    what: String,
    store: f64,
    store_max: f64,
    read_units: f64,
    read_units_max: f64,
    write_units: f64,
    write_units_max: f64,
    queue: f64,
    queue_max: f64,
    limiter: f64,
    limiter_max: f64,
    cache: f64,
    cache_max: f64,
}

/// Makes the measurement.
///
/// # Errors
/// When the example cannot be built, or fails.
pub(super) fn run(options: &Options) -> Result<Report> {
    let example = options.example("freight", "costs")?;
    let said = process::output(process::command(&example, ""))?;
    let measures = said.lines().map(serde_json::from_str).collect::<Result<Vec<Measure>, _>>();
    let measures = measures.with_context(|| format!("it said {said:?}"))?;
    ensure!(!measures.is_empty(), "nothing was measured");
    let prices = format!(
        "prices, as parameters of `xtask/src/bench/costs.rs` and not read from AWS: ${READ_UNITS} for a million units \
         of reading, ${WRITE_UNITS} of writing, ${QUEUE_REQUESTS} for a million requests to SQS"
    );
    Ok(Report {
        figures: measures.into_iter().map(figure).collect(),
        notes: vec![prices],
        method: include_str!("costs/method.md"),
    })
}

fn figure(measure: Measure) -> Figure {
    let Measure { read_units, read_units_max, write_units, write_units_max, .. } = measure;
    let Measure { queue, queue_max, limiter, limiter_max, cache, cache_max, .. } = measure;
    let million = read_units * READ_UNITS + write_units * WRITE_UNITS + queue * QUEUE_REQUESTS;
    let counts = [
        ("units read", read_units, read_units_max),
        ("units written", write_units, write_units_max),
        ("of SQS", queue, queue_max),
        ("of Redis to count", limiter, limiter_max),
        ("of Redis to read", cache, cache_max),
    ];
    let told: Vec<String> = counts.into_iter().filter_map(told).chain([format!("${million:.2} a million")]).collect();
    Figure {
        name: measure.name.leak(),
        what: measure.what,
        value: measure.store,
        unit: "calls",
        bound: Bound::AtMost(measure.store_max),
        from: told.join(", "),
    }
}

/// A count as it is told: what is not asked at all is not, and the bound only where it is another.
fn told((of, asked, most): (&str, f64, f64)) -> Option<String> {
    match (asked, most) {
        (0.0, 0.0) => None,
        _ if (asked - most).abs() < 1e-9 => Some(format!("{asked} {of}")),
        _ => Some(format!("{asked} {of} (bound {most})")),
    }
}
