//! A query into a cart, next to the bare loop that writes the same items, and to the seed's design.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{cart, ended, query};
use crate::bench::fastapi::FastApi;
use crate::bench::figure::{Bound, Figure};
use crate::bench::ingest::bare::Bare;
use crate::bench::report::Report;
use crate::bench::{Options, median};
use crate::http::Client;
use crate::process::rest;

/// How many rows a transaction of the bare loop has.
const SWEEP: [u64; 2] = [10_000, 100_000];
/// How many workers of the peer write parts.
const WORKERS: [&str; 3] = ["1", "2", "4"];
/// The peer gets so many items: more take it longer, and no other way.
const PEER_ITEMS: u64 = 50_000;

/// What the store keeps of each item, as a line.
fn lines(count: u64) -> String {
    let mut lines = String::new();
    for n in 0..count {
        let number = n.to_string();
        let mut hasher = Sha256::new();
        for part in ["numbers", &number, ""] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        lines.push_str("{\"k\":\"");
        // Writing to a text cannot fail.
        hasher.finalize().iter().for_each(|byte| write!(lines, "{byte:02x}").unwrap_or_default());
        lines.push_str("\",\"v\":1,\"t\":\"numbers\",\"e\":\"");
        lines.push_str(&number);
        lines.push_str("\",\"at\":1768473000000000}\n");
    }
    lines
}

pub(super) fn measure(client: &mut Client, bare: &Path, count: u64, options: &Options) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("items.ndjson");
    fs::write(&file, lines(count))?;
    let bare = Bare::new(bare, folder.path());
    let (mut ours, mut theirs) = (Vec::new(), SWEEP.map(|_| Vec::new()));
    for round in 0..options.rounds() {
        let cart = cart(client, &format!("all, {round}"))?;
        let begun = Instant::now();
        let job = query(client, &cart, &json!({}))?;
        let job = ended(client, &job)?;
        ours.push(told("filled", count as f64 / begun.elapsed().as_secs_f64()));
        ensure!(job["items_added"] == count, "{job}");
        for (batch, rates) in SWEEP.iter().zip(&mut theirs) {
            rates.push(told("the bare loop", count as f64 / bare.import(&file, *batch, "k", count)?));
        }
    }
    let mut peers = Vec::new();
    for workers in WORKERS {
        peers.push(told("the seed's design", peer(workers, PEER_ITEMS.min(count))?));
    }
    let ours = median(ours);
    let figure = |name, what: &str, rates: &[f64], bound| {
        let best = rates.iter().copied().fold(0.0, f64::max);
        Figure {
            name,
            what: format!("a query of {count} matching records, from accept to completed, next to {what}"),
            value: ours / best,
            unit: "x",
            bound: Bound::AtLeast(bound),
            from: format!("{ours:.0} items/s, {what} {best:.0}/s"),
        }
    };
    let theirs = theirs.map(median);
    let list = |names: &[String], rates: &[f64]| {
        let list = names.iter().zip(rates).map(|(name, rate)| format!("{name} {rate:.0}/s"));
        list.collect::<Vec<_>>().join(", ")
    };
    let notes = vec![
        format!("bare loop, items in a transaction: {}", list(&SWEEP.map(|n| n.to_string()), &theirs)),
        format!("the seed's design, workers: {}", list(&WORKERS.map(str::to_owned), &peers)),
    ];
    let figures = vec![
        figure("fill_next_to_bare", "the bare loop", &theirs, 0.4),
        figure("fill_next_to_seed", "the seed's design", &peers, 1.0),
    ];
    Ok(Report { figures, notes, ..Report::default() })
}

/// A rate, which whoever waits sees, too.
fn told(what: &str, rate: f64) -> f64 {
    eprintln!("{what}: {rate:.0} items/s");
    rate
}

/// How many items a second the peer writes.
fn peer(workers: &str, items: u64) -> Result<f64> {
    let peer = FastApi::start(include_str!("peer.py"), "1", &[("PEER_WORKERS", workers)])?;
    let mut client = Client::new(&peer.url, None);
    let begun = Instant::now();
    let job: Value = client.json("POST", "/resources/carts/1/items/query", &json!({ "items": items }))?.json(202)?;
    let path = format!("/resources/cart-item-batch-jobs/{}", job["id"].as_str().context("a job without an id")?);
    loop {
        let now: Value = client.get(&path)?.json(200)?;
        if now["remaining_parts"] == 0 {
            break;
        }
        ensure!(begun.elapsed() < super::JOB_MAX, "the peer does not end");
        rest(super::LOOK_EVERY);
    }
    let took = begun.elapsed().as_secs_f64();
    let kept: Value = client.get("/resources/carts/1")?.json(200)?;
    ensure!(kept["items"] == items, "the peer kept {kept}");
    Ok(items as f64 / took)
}
