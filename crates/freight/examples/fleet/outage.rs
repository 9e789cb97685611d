//! DynamoDB, SQS and Redis are cut off, one at a time, and restored.
//!
//! While the store is away every write is answered 503, says when to come back, and is answered within
//! a second: of its request, or of the cut where that came later. So is each of a crowd that comes all at
//! once, and the most memory that the server ever takes is little more than it took before. While queue or
//! cache are away, and once all is restored, every write succeeds. An answer that is cached is given out all the
//! time, within a second, and says while the store is away that it was cached, or that the store is away; who was
//! not known before is not let in. Once restored, writes and work go on without a new start, and every part says
//! that it is well, Redis too. At the end each record that was acknowledged is there, and each job that was
//! accepted is completed.
//!
//! [`judge`] says what of that came true for each request.

mod judge;

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use sandbox::Behaviour;
use serde_json::{Value, json};
use testkit::Client;
use testkit::aws::{Cut, Service};
use testkit::copies::{Backends, Copy};

use crate::Script;
use crate::load::{Asked, CHART, DATASETS, Load, SERIES, Wanted};
use judge::Judged;

const WRITERS: usize = 4;
/// How long the server serves before it is known how much memory that takes.
const WARM_UP: Duration = Duration::from_secs(5);
/// How long a caller may be kept by a server that does not notice.
const GIVEN_UP_MAX: Duration = Duration::from_secs(8);
/// How long a recovery is waited for.
const RECOVERY_MAX: Duration = Duration::from_secs(60);
/// How long jobs may take to come to their end at last: one that was interrupted waits for its lease to end.
const END_MAX: Duration = Duration::from_secs(120);
/// How often it is looked whether something has happened.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outage {
    Store(Cut),
    Queue(Cut),
    /// Silent, its process is held; closed, it ends and loses all it held.
    Cache(Cut),
}

const OUTAGES: [Outage; 6] = [
    Outage::Store(Cut::Silent),
    Outage::Queue(Cut::Silent),
    Outage::Cache(Cut::Silent),
    Outage::Store(Cut::Closed),
    Outage::Queue(Cut::Closed),
    Outage::Cache(Cut::Closed),
];

pub(crate) async fn play(script: &Script) -> Value {
    // Whoever waits for a store for longer than anybody waits for an answer is the saboteur.
    let silence = if script.saboteur.is_some() { "20000" } else { "600" };
    let mut backends = script.backends(Behaviour::default(), &[("FREIGHT_STORE_SILENCE_MAX_MS", silence)]).await;
    let copy = Copy::start(backends.command(&script.program, &["serve", "--sandbox"]));
    let client = Client::at(copy.url.as_str()).with_key(&backends.key());
    prepare(&client, &backends).await;
    work(&client).await;
    client.get(CHART).await.expect(200);
    // Nobody has called with this key when the store is cut off.
    let ask = json!({ "name": "stranger", "scopes": ["tokens:read"] });
    let stranger = client.post("/api/v1/keys", &ask).await.expect(201).json();
    let stranger = client.with_key(stranger["key"].as_str().unwrap());
    let load = Load::start(&copy.url, &backends.key(), WRITERS);
    tokio::time::sleep(WARM_UP).await;
    copy.memory_peak_forget();
    let memory_before_kib = copy.memory_peak_kib();
    let mut random = StdRng::seed_from_u64(script.seed);
    let mut told = Told { stranger: Some(stranger), ..Told::default() };
    for round in 0..script.rounds {
        // Each kind comes in turn at first, then as it falls.
        let at = if round < OUTAGES.len() as u64 { round as usize } else { random.random_range(0..OUTAGES.len()) };
        // The saboteur is noticed once somebody's key is looked up again, a second later.
        let least = if script.saboteur.is_some() { 2_500 } else { 1_500 };
        let lasts = Duration::from_millis(random.random_range(least..4_000));
        told.round(&mut backends, &load, &client, OUTAGES[at], lasts).await;
    }
    tokio::time::sleep(GIVEN_UP_MAX).await;
    told.memory_growth_kib = copy.memory_peak_kib().saturating_sub(memory_before_kib);
    told.wrong.extend(load.dead());
    let asked = load.asked();
    drop(load);
    told.end(&client, &asked).await
}

#[derive(Default)]
struct Told {
    /// Has a key that nobody has called with, until the store was away once.
    stranger: Option<Client>,
    strangers_refused: usize,
    /// What was cut off, from when to when.
    outages: Vec<(Outage, Instant, Instant)>,
    recovery_ms: u128,
    memory_growth_kib: u64,
    /// Whoever was treated otherwise than they ought to be.
    wrong: Vec<String>,
}

impl Told {
    async fn round(&mut self, on: &mut Backends, load: &Load, client: &Client, outage: Outage, lasts: Duration) {
        let is_store = matches!(outage, Outage::Store(_));
        let crowd = is_store.then(|| load.crowd(self.outages.len()));
        cut(on, outage, true);
        let begun = Instant::now();
        // It comes after the cut and is answered before the end: an emulator that is there is not crowded.
        let crowd = crowd.map(|crowd| tokio::spawn(crowd.come()));
        if let Some(stranger) = self.stranger.take_if(|_| is_store) {
            // Who was not known before is not let in, cached or not.
            let answer = stranger.get(CHART).await;
            self.strangers_refused += usize::from(answer.status == 503);
        }
        tokio::time::sleep(lasts).await;
        let ended = Instant::now();
        cut(on, outage, false);
        self.outages.push((outage, begun, ended));
        while !is_written(client).await {
            assert!(ended.elapsed() < RECOVERY_MAX, "no write was done any more after {outage:?}");
        }
        work(client).await;
        // Neither needs Redis.
        while !is_well(client).await {
            assert!(ended.elapsed() < RECOVERY_MAX, "not every part is well any more after {outage:?}");
            tokio::time::sleep(LOOK).await;
        }
        self.recovery_ms = self.recovery_ms.max(ended.elapsed().as_millis());
        if let Some(crowd) = crowd
            && crowd.await.is_err()
        {
            self.wrong.push("one of a crowd was given no answer".to_owned());
        }
    }

    async fn end(mut self, client: &Client, asked: &[Asked]) -> Value {
        let judged = Judged::of(asked, &self.outages);
        let jobs: BTreeSet<&String> = Asked::made(asked, Wanted::Job).collect();
        let jobs_lost = unfinished(client, &jobs).await;
        let there = records(client).await;
        let lost = Asked::made(asked, Wanted::Record).filter(|record| !there.contains(*record)).count();
        self.wrong.extend(judged.wrong);
        let mut line = json!({
            "rounds": self.outages.len(),
            "acknowledged": Asked::made(asked, Wanted::Record).count(),
            "lost": lost,
            "jobs": jobs.len(),
            "jobs_while_queue_away": judged.jobs_while_queue_away,
            "jobs_lost": jobs_lost.len(),
            "strangers_refused": self.strangers_refused,
            "recovery_ms": self.recovery_ms,
            "memory_growth_kib": self.memory_growth_kib,
        });
        line.as_object_mut().unwrap().extend(judged.figures);
        self.wrong.extend(jobs_lost);
        line["wrong"] = self.wrong.into();
        line
    }
}

fn cut(on: &mut Backends, outage: Outage, begins: bool) {
    let so = |cut| if begins { cut } else { Cut::None };
    match outage {
        Outage::Store(cut) => on.shim.cut(Service::Dynamo, so(cut)),
        Outage::Queue(cut) => on.shim.cut(Service::Sqs, so(cut)),
        Outage::Cache(Cut::Silent) if begins => on.redis.hold(),
        Outage::Cache(Cut::Silent) => on.redis.go_on(),
        Outage::Cache(_) if begins => on.redis.stop(),
        Outage::Cache(_) => on.redis.restart(),
    }
}

/// Makes the datasets whose jobs are counted, and lets their caller have as many as it likes: each is charged
/// all the same.
async fn prepare(client: &Client, backends: &Backends) {
    let limits = json!({ "settings": { "rate_limits": { "control": ["1000000/hour"] } } });
    client.patch("/api/v1/tenants/default", &limits).await.expect(200);
    let url = format!("http://{}/api/v2/users", backends.variable("FREIGHT_SANDBOX_AT"));
    let source = json!({ "url": url, "rate": null, "params": { "size": "1" } });
    for name in DATASETS {
        let dataset = json!({ "name": name, "key": "id", "sort": "last_name", "source": source });
        client.post("/api/v1/datasets", &dataset).await.expect(201);
    }
}

async fn is_written(client: &Client) -> bool {
    client.post("/source/write_raw", &json!({ "name": "after", "data": { "n": 1 } })).await.status == 200
}

/// Has a job run to its end.
async fn work(client: &Client) {
    let begun = Instant::now();
    let client = client.with_header("prefer", "wait=10");
    while client.post("/fetch-data", &json!({ "calls": 1, "size": 1 })).await.status != 200 {
        assert!(begun.elapsed() < RECOVERY_MAX, "no job comes to its end");
    }
}

async fn is_well(client: &Client) -> bool {
    client.get("/health").await.json()["status"] == "healthy"
}

/// Those of these jobs that do not complete in time.
async fn unfinished(client: &Client, jobs: &BTreeSet<&String>) -> Vec<String> {
    let (begun, mut unfinished) = (Instant::now(), Vec::new());
    for job in jobs {
        loop {
            let answer = client.get(&format!("/api/v1/jobs/{job}")).await;
            let status = answer.json()["status"].clone();
            if status == "completed" {
                break;
            }
            if begun.elapsed() > END_MAX {
                unfinished.push(format!("job {job} is {status}"));
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    unfinished
}

/// Every record of the series, by name.
async fn records(client: &Client) -> HashSet<String> {
    let answer = client.get(&format!("/source/series/{SERIES}/records?format=ndjson")).await.expect(200);
    let lines = answer.text();
    let record = |line: &str| serde_json::from_str::<Value>(line).unwrap()["sk"].as_str().unwrap().to_owned();
    lines.lines().map(record).collect()
}
