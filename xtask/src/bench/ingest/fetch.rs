//! A run next to the API it calls.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};

use super::unlimited;
use crate::bench::figure::{Bound, Figure};
use crate::bench::report::Report;
use crate::bench::{Options, median, rest};
use crate::http::Client;
use crate::server::Server;
use crate::stand_in::StandIn;

const DATASET: &str = "people";
const CALLS: u64 = 200;
const SIZE: u64 = 100;
const CONCURRENCY: usize = 16;
/// How long an answer of the API takes.
const LATENCIES: [(u64, &str); 4] = [(0, "fetch_0ms"), (20, "fetch_20ms"), (100, "fetch_100ms"), (500, "fetch_500ms")];
/// How long a run may take.
const RUN_MAX: Duration = Duration::from_secs(120);
/// Between two looks at the status.
const PATIENCE: Duration = Duration::from_millis(50);

pub(super) fn measure(program: &Path, stand_in: &StandIn, options: &Options) -> Result<Report> {
    let server = Server::start(program, &stand_in.allowed())?;
    let mut client = unlimited(&server)?;
    client.json("POST", "/api/v1/datasets", &definition(&stand_in.address))?.expect(201)?;
    let mut report = Report::default();
    for (latency_ms, name) in LATENCIES {
        stand_in.behave(&json!({ "latency_ms": latency_ms }))?;
        let (mut alone, mut jobs) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds() {
            alone.push(plain(stand_in)?);
            jobs.push(job(&mut client)?);
        }
        let (alone, job) = (median(alone), median(jobs));
        report.figures.push(Figure {
            name,
            what: format!("fetch {} records, {latency_ms} ms a call", CALLS * SIZE),
            value: job / alone,
            unit: "x",
            bound: Bound::AtMost(1.2),
            from: format!("job {job:.2} s, the API alone {alone:.2} s"),
        });
    }
    stand_in.behave(&json!({}))?;
    Ok(report)
}

/// `users`, but from a stand-in outside of the server: that of the built-in one is fixed.
fn definition(stand_in: &str) -> Value {
    json!({
        "name": DATASET,
        "key": "id",
        "sort": "last_name",
        "source": {
            "url": format!("http://{stand_in}/api/v2/users"),
            "page": { "kind": "none", "size_param": "size" },
            "rate": null,
            "concurrency": CONCURRENCY,
        },
    })
}

/// How long the API itself takes, in seconds.
fn plain(stand_in: &StandIn) -> Result<f64> {
    let made = AtomicU64::new(0);
    let call = || -> Result<()> {
        let mut client = stand_in.client();
        while made.fetch_add(1, Ordering::Relaxed) < CALLS {
            client.get(&format!("/api/v2/users?size={SIZE}"))?.expect(200)?;
        }
        Ok(())
    };
    let begun = Instant::now();
    thread::scope(|scope| {
        let callers: Vec<_> = (0..CONCURRENCY).map(|_| scope.spawn(call)).collect();
        callers.into_iter().try_for_each(|caller| caller.join().map_err(|_| anyhow!("a caller panicked"))?)
    })?;
    Ok(begun.elapsed().as_secs_f64())
}

/// How long a run takes, in seconds, by its own account.
fn job(client: &mut Client) -> Result<f64> {
    let path = format!("/api/v1/datasets/{DATASET}");
    let before: Value = client.get(&format!("{path}/status"))?.json(200)?;
    client.json("POST", &format!("{path}/fetch"), &json!({ "calls": CALLS, "size": SIZE }))?.expect(202)?;
    let begun = Instant::now();
    loop {
        let status: Value = client.get(&format!("{path}/status"))?.json(200)?;
        if status["job_id"] != before["job_id"] {
            ensure!(status["records"] == CALLS * SIZE, "not all records were saved: {status}");
            return status["duration"].as_f64().context("a status without its duration");
        }
        ensure!(begun.elapsed() < RUN_MAX, "the run does not end");
        rest(PATIENCE);
    }
}
