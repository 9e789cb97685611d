//! The numbers of carts: what a query into a cart costs, and what a page of a large one.
//!
//! - [`fill`]: a million matching records, next to the bare loop over rusqlite that writes the same items,
//!   and to the design of the seed: FastAPI and batches of 25.
//! - [`reads`]: pages of that cart; and eight jobs at once into one cart, counted.

mod fill;
mod reads;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::Options;
use super::report::Report;
use crate::http::Client;
use crate::process::rest;
use crate::server::Server;

/// Between two looks at a job.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// A job that takes longer never ends.
const JOB_MAX: Duration = Duration::from_secs(300);
/// What is sent of a file in one request.
const PIECE: usize = 20_000;

/// Makes the measurement.
///
/// # Errors
/// When a program cannot be built or does not do what is measured.
pub(super) fn run(options: &Options) -> Result<Report> {
    let program = options.program()?;
    let bare = options.example("embedded", "bare")?;
    let count = options.users();
    let mut report = Report { method: include_str!("carts/method.md"), ..Report::default() };
    let server = Server::start(&program, &[])?;
    let mut client = Client::new(&server.url, Some(&server.api_key));
    let rates = json!({ "settings": { "rate_limits": { "control": ["1000000/minute"] } } });
    client.json("PATCH", "/api/v1/tenants/default", &rates)?.expect(200)?;
    eprintln!("{count} records");
    import(&mut client, count)?;
    eprintln!("filling");
    report.add(fill::measure(&mut client, &bare, count, options)?);
    eprintln!("reading");
    report.add(reads::measure(&mut client, count)?);
    Ok(report)
}

/// Makes the dataset `numbers`, each record with its number.
fn import(client: &mut Client, count: u64) -> Result<()> {
    client.json("POST", "/api/v1/datasets", &json!({ "name": "numbers", "key": "n" }))?.expect(201)?;
    let lines: Vec<String> =
        (0..count).map(|n| format!(r#"{{"n":{n},"word":"w{}","even":{}}}"#, n % 97, n % 2 == 0)).collect();
    for piece in lines.chunks(PIECE) {
        client.send("POST", "/api/v1/datasets/numbers/import", "application/x-ndjson", piece.join("\n").as_bytes())?;
        let report: Value = client.receive()?.json(207)?;
        ensure!(report["saved"] == piece.len(), "the import says {report}");
    }
    Ok(())
}

/// Makes a cart.
fn cart(client: &mut Client, name: &str) -> Result<String> {
    let made: Value = client.json("POST", "/resources/carts/", &json!({ "cart_name": name }))?.json(201)?;
    Ok(made["links"]["self"].as_str().context("a cart without a link")?.to_owned())
}

/// Asks for a query; where its job is.
fn query(client: &mut Client, cart: &str, filters: &Value) -> Result<String> {
    let body = json!({ "entity_type": "numbers", "filters": filters });
    let job: Value = client.json("POST", &format!("{cart}/items/query"), &body)?.json(202)?;
    Ok(job["links"]["self"].as_str().context("a job without a link")?.to_owned())
}

/// Waits for the end of a job, which must be a good one.
fn ended(client: &mut Client, job: &str) -> Result<Value> {
    let begun = Instant::now();
    loop {
        ensure!(begun.elapsed() < JOB_MAX, "{job} does not end");
        let now: Value = client.get(job)?.json(200)?;
        match now["status"].as_str() {
            Some("pending" | "running") => rest(LOOK_EVERY),
            Some("completed") => return Ok(now),
            _ => anyhow::bail!("{now}"),
        }
    }
}
