//! Carts of the flights: what queries find, and what becomes of two carts, is what pandas selects.
//!
//! Each query fills a cart, whose manifest is compared with the names of the rows that pandas selects of
//! the same file. Two of the carts are combined, three times over, and compared with the algebra of
//! pandas' own sets. The intersection must have the manifest, byte for byte, of a cart that was filled by
//! asking for both at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{FILES, measurements, package};
use crate::http::Client;
use crate::process;
use crate::server::{self, Server};

const SCRIPT: &str = include_str!("carts.py");
/// By when a job has ended.
const ENDED_MAX: Duration = Duration::from_secs(300);
/// Between two looks at a job.
const PATIENCE: Duration = Duration::from_millis(50);

#[derive(Deserialize)]
struct Expected {
    pandas: String,
    queries: Vec<Query>,
    algebra: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Query {
    name: String,
    filters: Value,
    ids: Vec<String>,
}

/// Fills carts, combines them, and compares.
///
/// # Errors
/// When the file cannot be had, or a cart holds something else than pandas selects.
pub(super) fn run() -> Result<()> {
    let expected = expected()?;
    let server = Server::start(&server::release()?, &[])?;
    let mut client = Client::new(&server.url, Some(&server.api_key));
    let [_, flights] = &FILES;
    flights.import(&mut client, &std::fs::read(package::unpacked()?.join("flights.csv"))?)?;
    let begun = Instant::now();
    let mut carts = Vec::new();
    for query in &expected.queries {
        let cart = cart(&mut client, &query.name)?;
        let body = json!({ "entity_type": flights.name, "filters": query.filters });
        let job = ended(&mut client, &format!("/resources/carts/{cart}/items/query"), &body)?;
        let all = [&job["items_found"], &job["items_added"]].iter().all(|count| **count == query.ids.len());
        ensure!(all && job["status"] == "completed", "{}: {job}", query.name);
        same(&mut client, &cart, &query.ids).with_context(|| query.name.clone())?;
        carts.push(cart);
    }
    let filled = begun.elapsed();
    let items: usize = expected.queries.iter().map(|query| query.ids.len()).sum();
    let [one, other, .., both] = &carts[..] else { anyhow::bail!("too few queries") };
    for (op, ids) in &expected.algebra {
        let result = cart(&mut client, op)?;
        for (with, op) in [(one, "union"), (other, op.as_str())] {
            let job =
                ended(&mut client, &format!("/resources/carts/{result}/combine"), &json!({ "with": with, "op": op }))?;
            ensure!(job["status"] == "completed", "{op}: {job}");
        }
        same(&mut client, &result, ids).with_context(|| op.clone())?;
        let equal = manifest(&mut client, &result)? == manifest(&mut client, both)?;
        ensure!(equal == (op == "intersect"), "{op}: manifests are {}equal", if equal { "" } else { "not " });
    }
    let figures = json!({
        "data": "carts",
        "pandas": expected.pandas,
        "queries": expected.queries.len(),
        "items": items,
        "combinations": expected.algebra.len(),
        "fill_items_per_s": (items as f64 / filled.as_secs_f64()) as u64,
    });
    println!("{figures}");
    Ok(())
}

fn expected() -> Result<Expected> {
    let folder = tempfile::tempdir()?;
    let [script, json] = ["carts.py", "expected.json"].map(|name| folder.path().join(name));
    std::fs::write(&script, SCRIPT)?;
    let mut command = process::command(measurements::python()?, "");
    command.arg(&script).arg(package::unpacked()?.join("flights.csv")).arg(&json);
    process::run(command)?;
    read(&json)
}

fn read(path: &Path) -> Result<Expected> {
    let expected: Expected = serde_json::from_slice(&std::fs::read(path)?)?;
    ensure!(expected.queries.iter().all(|query| !query.ids.is_empty()), "a query that finds nothing shows nothing");
    Ok(expected)
}

fn cart(client: &mut Client, name: &str) -> Result<String> {
    let made: Value = client.json("POST", "/resources/carts/", &json!({ "cart_name": name }))?.json(201)?;
    Ok(made["id"].as_str().context("a cart without an id")?.to_owned())
}

/// Starts a job and waits for its end.
fn ended(client: &mut Client, path: &str, body: &Value) -> Result<Value> {
    let accepted: Value = client.json("POST", path, body)?.json(202)?;
    let at = accepted["links"]["self"].as_str().context("a job without a link")?;
    let deadline = Instant::now() + ENDED_MAX;
    loop {
        let job: Value = client.get(at)?.json(200)?;
        if !["pending", "running"].contains(&job["status"].as_str().unwrap_or_default()) {
            return Ok(job);
        }
        ensure!(Instant::now() < deadline, "{job} does not end");
        std::thread::park_timeout(PATIENCE);
    }
}

fn manifest(client: &mut Client, cart: &str) -> Result<String> {
    Ok(String::from_utf8(client.get(&format!("/resources/carts/{cart}/manifest"))?.expect(200)?)?)
}

/// The names in a cart are these.
fn same(client: &mut Client, cart: &str, expected: &[String]) -> Result<()> {
    let mut names = Vec::new();
    for line in manifest(client, cart)?.lines() {
        let row: Value = serde_json::from_str(line)?;
        names.push(row["entity_id"].as_str().context("a row without an id")?.to_owned());
    }
    names.sort();
    ensure!(names == expected, "{} items, pandas selects {}", names.len(), expected.len());
    Ok(())
}
