//! Measurements and the figures of their windows.
//!
//! Some 2,000 measurements of half an hour lie in 35 minutes that no worker has rolled up yet: what is
//! asked of them is read from the records themselves.

use serde_json::json;

use super::desk::{Desk, ROOMY, Sent, body, lines};
use super::{Measure, Most};

/// So many measurements a batch has.
const BATCH: usize = 1_000;
const STRETCH: &str = "from=1700000000&to=1700002000";
const RAW: &str = "POST /source/write_raw";

pub(super) async fn measures() -> Vec<Measure> {
    let mut desk = Desk::open(ROOMY).await;
    written(&mut desk).await;
    read(&mut desk).await;
    let caller = desk.client.clone();
    desk.client = caller.with_header("idempotency-key", "one");
    // The reservation, and the record together with its answer.
    let keyed = ["keyed", RAW, "with an Idempotency-Key"];
    desk.cost(keyed, Most::of(2.0, [0.0, 5.0]), "/source/write_raw", one(2)).await;
    desk.client = caller;
    desk.freight.source.events_flush().await.unwrap();
    let events = ["event_list", "GET /source/events", "a few"];
    let day = "/source/events?from=2026-01-02T00:00:00Z&to=2026-01-03T00:00:00Z";
    desk.get(events, Most::of(1.0, [1.0, 0.0]).counted(), day).await;
    desk.close()
}

fn row(n: usize) -> String {
    json!({ "name": "wind", "data": { "speed": n, "gust": n + 1 }, "ts": 1_700_000_000 + n }).to_string()
}

fn one(n: usize) -> Sent {
    Some(("application/json", row(n)))
}

fn batch(from: usize) -> Sent {
    lines((from..from + BATCH).map(|n| row(n) + "\n").collect())
}

async fn written(desk: &mut Desk) {
    let raw = ["write_raw", RAW, "a measurement"];
    desk.second(raw, Most::of(1.0, [0.0, 2.0]), "/source/write_raw", [one(0), one(1)]).await;
    let each = ["measurement", "POST /source/write_batch", "a measurement, with 999 others"];
    let batches = [batch(100), batch(100 + BATCH)];
    desk.each(each, Most::of(0.044, [0.002, 1.023]), "/source/write_batch", batches, BATCH).await;
}

async fn read(desk: &mut Desk) {
    let latest = || body(&json!({ "type": "latest", "name": "wind" }));
    let expose = ["latest", "POST /source/expose", "the latest measurement"];
    desk.second(expose, Most::of(2.0, [2.0, 0.0]), "/source/expose", [latest(), latest()]).await;
    let window = ["window", "GET /source/series/{name}/window", "2,000 measurements, before they were rolled up"];
    let path = format!("/source/series/wind/window?{STRETCH}");
    desk.get(window, Most::of(13.0, [85.0, 0.0]), &path).await;
    let page = ["measurements_page", "GET /source/series/{name}/records", "100 of them"];
    let path = format!("/source/series/wind/records?{STRETCH}&limit=100");
    desk.get(page, Most::of(2.0, [5.0, 0.0]), &path).await;
    // The first and the last record, the days with marks, the total, and the window of the one such day.
    let whole = Most::of(24.0, [100.0, 0.0]);
    let get = ["series_get", "GET /source/series/{name}", "before it was rolled up"];
    desk.get(get, whole, "/source/series/wind").await;
    let list = ["series_list", "GET /source/series", "one, before it was rolled up"];
    desk.get(list, whole, "/source/series").await;
}
