//! What requests, tasks and records ask of the backends. Also a test: `tests/it/costs.rs` holds each to its
//! bound.
//!
//! Everything stands on memory, so that nothing is counted that the measure did not cause: requests are
//! made while no worker runs, work is done while the clock stands still, and what is done only once is
//! done before (keys are looked up, marks are set).

use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use base::clock::ManualClock;
use base::memory::{MemoryCache, MemoryQueue, MemoryStore};
use freight::compose::{Settings, compose};
use freight::ground::Ground;
use http::Method;
use operations::contract::{Stage, Toy};
use serde_json::{Value, json};
use testkit::{Bill, Client, Meter};
use tokio::net::TcpListener;

/// One measure.
#[derive(Debug)]
pub(crate) struct Measure {
    /// Its name for programs.
    pub(crate) name: &'static str,
    /// What it is one of, for people.
    pub(crate) what: &'static str,
    /// What one of it costs.
    pub(crate) bill: Bill,
    /// At most so many requests to the store.
    pub(crate) store_max: f64,
    /// At most so many to the cache.
    pub(crate) cache_max: f64,
}

/// So many records a file has, and batches a job.
const RECORDS: usize = 1_000;
const BATCHES: usize = 100;

/// Everything that is measured.
pub(crate) async fn all() -> Vec<Measure> {
    let mut measures = requests().await;
    measures.extend(work().await);
    measures
}

struct Desk {
    client: Client,
    meter: Arc<Meter>,
    measures: Vec<Measure>,
}

impl Desk {
    /// A server whose cache may take so many bytes, and whose markets are the sandbox's.
    async fn open(cache_bytes: usize) -> Self {
        let meter = Arc::new(Meter::default());
        // Time stands still: who is known stays known.
        let memory = Ground::memory(Arc::new(ManualClock::at("2026-01-02T03:04:05Z".parse().unwrap())));
        let ground = Ground {
            store: meter.store(memory.store.clone()),
            queue: meter.queue(memory.queue.clone()),
            limiter: meter.limiter(memory.limiter.clone()),
            cache: meter.cache(Arc::new(MemoryCache::new(memory.clock.clone(), cache_bytes))),
            ..memory
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sandbox = Some(listener.local_addr().unwrap());
        tokio::spawn(sandbox::serve(listener, sandbox::Config::default(), std::future::pending()));
        let freight = compose(&ground, Settings { sandbox, ..Settings::default() }).await.unwrap();
        let key = freight.accounts.bootstrap().await.unwrap().unwrap().text.expose().clone();
        Self { client: Client::app(&freight.app).with_key(&key), meter, measures: Vec::new() }
    }

    async fn get(&mut self, name: &'static str, what: &'static str, store_max: f64, path: &str) -> Value {
        self.get_kept(name, what, [store_max, 0.0], path).await
    }

    /// Of an answer that is kept: at most so many requests to store and cache.
    async fn get_kept(
        &mut self,
        name: &'static str,
        what: &'static str,
        [store_max, cache_max]: [f64; 2],
        path: &str,
    ) -> Value {
        self.client.get(path).await.expect(200);
        let before = self.meter.bill();
        let answer = self.client.get(path).await.expect(200);
        let bill = self.meter.bill() - before;
        self.measures.push(Measure { name, what, bill, store_max, cache_max });
        answer.json()
    }

    /// Sends two bodies, of which the second counts, for as many of what is measured.
    async fn post(
        &mut self,
        [name, what]: [&'static str; 2],
        store_max: f64,
        to: (&str, &str),
        bodies: [String; 2],
        of: usize,
    ) {
        let mut before = self.meter.bill();
        for body in bodies {
            before = self.meter.bill();
            let answer = self.client.send_bytes(Method::POST, to.0, Some((to.1, body.into()))).await;
            assert!(answer.status.is_success(), "{}", answer.text());
        }
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let bill = (self.meter.bill() - before) / of as f64;
        self.measures.push(Measure { name, what, bill, store_max, cache_max: 0.0 });
    }
}

/// A record of some 0.3 KB.
fn record(n: usize) -> String {
    let pad = "x".repeat(220);
    format!(
        "{{\"id\":{n},\"last_name\":\"name {:05}\",\"email\":\"{n}@example.com\",\"note\":\"{pad}\"}}\n",
        n * 7919 % 10_007
    )
}

fn file(from: usize) -> String {
    (from..from + RECORDS).map(record).collect()
}

const CHART: &str = "/v1/chart/ethereum/0x00000000000000000000000000000000000000aa";
const NDJSON: &str = "application/x-ndjson";
const JSON: &str = "application/json";

async fn requests() -> Vec<Measure> {
    let mut desk = Desk::open(1 << 20).await;
    desk.get("me", "GET /api/v1/me: a key that is known", 0.0, "/api/v1/me").await;
    desk.get_kept("cached", "GET /v1/chart/…, cached", [0.0, 1.0], CHART).await;
    let mut forgetful = Desk::open(0).await;
    forgetful.get_kept("stored", "GET /v1/chart/…, stored and fresh", [1.0, 2.0], CHART).await;
    desk.measures.append(&mut forgetful.measures);
    datasets(&mut desk).await;
    measurements(&mut desk).await;
    desk.get("jobs", "GET /api/v1/jobs, none", 2.0, "/api/v1/jobs").await;
    desk.get("stats", "GET /api/v1/stats", 2.0, "/api/v1/stats").await;
    let fetches = [0, 1].map(|_| "{}".to_owned());
    desk.post(["join", "POST /fetch-data while a run is under way: it joins"], 4.0, ("/fetch-data", JSON), fetches, 1)
        .await;
    let jobs = desk.client.get("/api/v1/jobs").await.expect(200).json();
    let job = jobs["items"][0]["links"]["self"].as_str().unwrap().to_owned();
    desk.get("job_get", "GET /api/v1/jobs/{id}", 1.0, &job).await;
    desk.measures
}

async fn datasets(desk: &mut Desk) {
    let body = json!({ "name": "people", "key": "id", "sort": "last_name" });
    desk.client.post("/api/v1/datasets", &body).await.expect(201);
    let import = ("/api/v1/datasets/people/import", NDJSON);
    let ones = [1, 2].map(|n| record(RECORDS * n));
    desk.post(["import_one", "an import of one record"], 2.0, import, ones, 1).await;
    let files = [file(0), file(RECORDS * 4)];
    desk.post(["record", "a record of 0.3 KB, imported with 999 others"], 0.05, import, files, RECORDS).await;
    let people = "/api/v1/datasets/people";
    desk.get("dataset", "GET /api/v1/datasets/{name}", 2.0, people).await;
    desk.get("record_get", "GET …/records/{key}", 3.0, &format!("{people}/records/7")).await;
    desk.get(
        "records_page",
        "GET …/records?limit=100: a merge of 16 shards",
        17.0,
        &format!("{people}/records?limit=100"),
    )
    .await;
}

async fn measurements(desk: &mut Desk) {
    let row = |n: usize| {
        json!({ "name": "wind", "data": { "speed": n, "gust": n + 1 }, "ts": 1_700_000_000 + n }).to_string()
    };
    let ones = [0, 1].map(row);
    desk.post(["write_raw", "POST /source/write_raw: a measurement"], 1.0, ("/source/write_raw", JSON), ones, 1).await;
    let batch = |from: usize| (from..from + RECORDS).map(|n| row(n) + "\n").collect::<String>();
    let batches = [batch(100), batch(100 + RECORDS)];
    let to = ("/source/write_batch", NDJSON);
    desk.post(["measurement", "a measurement, written with 999 others"], 0.05, to, batches, RECORDS).await;
    let latest = [0, 1].map(|_| json!({ "type": "latest", "name": "wind" }).to_string());
    desk.post(["latest", "POST /source/expose: the latest measurement"], 2.0, ("/source/expose", JSON), latest, 1)
        .await;
    let window = "/source/series/wind/window?from=1700000000&to=1700002000";
    desk.get("window", "a window of 2,000 measurements, before it was rolled up", 14.0, window).await;
}

/// The engine, with jobs whose batches do nothing but count and log a line.
async fn work() -> Vec<Measure> {
    let (meter, clock) = (Arc::new(Meter::default()), ManualClock::at("2026-01-02T03:04:05Z".parse().unwrap()));
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let store = meter.store(Arc::new(MemoryStore::new(shared.clone())));
    let queue = meter.queue(Arc::new(MemoryQueue::new(shared.clone())));
    let stage = Stage::over(store, queue, shared);
    let workers = stage.engine.workers_start();
    let toys = |count: usize| (0..count).map(|n| Toy::of(n.to_string(), 100)).collect::<Vec<_>>();
    let run = async |count: usize| {
        settle().await;
        let before = meter.bill();
        let id = stage.make("acme", Stage::FETCH, &toys(count)).await;
        pass(&clock, Duration::from_secs(10)).await;
        assert!(stage.engine.job_get(&"acme".parse().unwrap(), id).await.unwrap().unwrap().settled, "{count}");
        meter.bill() - before
    };
    let resting = async |time: Duration| {
        let before = meter.bill();
        pass(&clock, time).await;
        (meter.bill() - before) / (time.as_secs_f64() / 60.0)
    };
    run(1).await;
    // The tenant had work a moment ago, and sweeps still look for more; then they no longer do.
    let watched = resting(Duration::from_secs(10)).await;
    resting(Duration::from_secs(120)).await;
    let idle = resting(Duration::from_secs(600)).await;
    run(1).await;
    let (one, many) = (run(1).await - watched / 6.0, run(1 + BATCHES).await - watched / 6.0);
    assert!(workers.stop(Duration::from_secs(5)).await);
    #[expect(clippy::cast_precision_loss, reason = "a hundred")]
    let batch = (many - one) / BATCHES as f64;
    vec![
        Measure {
            name: "idle",
            what: "a minute in which a process has nothing to do",
            bill: idle,
            store_max: 750.0,
            cache_max: 0.0,
        },
        Measure {
            name: "watch",
            what: "a minute of looking after one tenant with work, for a process",
            bill: watched - idle,
            store_max: 600.0,
            cache_max: 0.0,
        },
        Measure {
            name: "job",
            what: "a job of one batch: planned, run, logged, settled",
            bill: one,
            store_max: 36.0,
            cache_max: 0.0,
        },
        Measure {
            name: "batch",
            what: "one more batch of a job: a task's life with a line of log",
            bill: batch,
            store_max: 6.0,
            cache_max: 0.0,
        },
    ]
}

/// Lets everything run that can.
async fn settle() {
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
}

/// Lets the time pass, in steps.
async fn pass(clock: &ManualClock, time: Duration) {
    for _ in 0..time.as_millis() / 250 {
        clock.advance(Duration::from_millis(250));
        settle().await;
    }
}
