//! DynamoDB, SQS and Redis are cut off, one at a time, and restored.
//!
//! While the store is away every write is answered 503, says when to come back, and is answered within
//! a second: of its request, or of the cut where that came later. While queue or cache are away, and once all is
//! restored, every write succeeds. An answer that is cached is given out all the time, within a second, and says
//! while the store is away that it was cached, or that the store is away; who was not known before is not let in.
//! Once restored, writes and work go on without a new start. At the end each record that was acknowledged is
//! there.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use sandbox::Behaviour;
use serde_json::{Value, json};
use testkit::Client;
use testkit::aws::{Cut, Service};
use testkit::copies::{Backends, Copy};

use crate::Script;
use crate::load::{Asked, CHART, Load, records};

/// What a caller who is refused has to be told within.
const ANSWER_MAX: Duration = Duration::from_secs(1);
const WRITERS: usize = 4;
const PAUSE: Duration = Duration::from_millis(40);
/// How long a caller may be kept by a server that does not notice.
const GIVEN_UP_MAX: Duration = Duration::from_secs(8);
/// How long a recovery is waited for.
const RECOVERY_MAX: Duration = Duration::from_secs(60);
/// Whoever asks so long after an outage has nothing to do with it any more.
const CALM: Duration = Duration::from_secs(3);

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
    work(&client).await;
    client.get(CHART).await.expect(200);
    // Nobody has called with this key when the store is cut off.
    let ask = json!({ "name": "stranger", "scopes": ["tokens:read"] });
    let stranger = client.post("/api/v1/keys", &ask).await.expect(201).json();
    let stranger = client.with_key(stranger["key"].as_str().unwrap());
    let load = Load::start(&client, WRITERS, PAUSE);
    let mut random = StdRng::seed_from_u64(script.seed);
    let mut told = Told { stranger: Some(stranger), ..Told::default() };
    for round in 0..script.rounds {
        // Each kind comes in turn at first, then as it falls.
        let at = if round < OUTAGES.len() as u64 { round as usize } else { random.random_range(0..OUTAGES.len()) };
        // The saboteur is noticed once somebody's key is looked up again, a second later.
        let least = if script.saboteur.is_some() { 2_500 } else { 1_500 };
        let lasts = Duration::from_millis(random.random_range(least..4_000));
        told.round(&mut backends, &client, OUTAGES[at], lasts).await;
        let memory = memory_kib(&copy);
        told.memory_before_kib.get_or_insert(memory);
        told.memory_most_kib = told.memory_most_kib.max(memory);
    }
    tokio::time::sleep(GIVEN_UP_MAX).await;
    told.wrong.extend(load.dead());
    let asked = load.asked();
    drop(load);
    told.judge(&asked);
    let there = records(&client).await;
    let acknowledged = asked.iter().filter_map(|asked| asked.record.as_ref());
    let lost = acknowledged.clone().filter(|record| !there.contains(*record)).count();
    told.line(acknowledged.count(), lost)
}

#[derive(Default)]
struct Told {
    /// Has a key that nobody has called with, until the store was away once.
    stranger: Option<Client>,
    strangers_refused: usize,
    /// What was cut off, from when to when.
    outages: Vec<(Outage, Instant, Instant)>,
    /// Writes that were under way when the store was cut off.
    under_way: usize,
    refused: usize,
    /// Writes while the store was away that were neither refused as they ought to be nor done.
    wrong: Vec<String>,
    longest_ms: u128,
    late: usize,
    /// Writes while the store was there, and those of them that were refused.
    asked_while_there: usize,
    needless: usize,
    /// Reads of what is cached, those of them that came and were answered while the store was away, and those
    /// that took too long.
    reads: usize,
    reads_while_away: usize,
    reads_late: usize,
    longest_read_ms: u128,
    recovery_ms: u128,
    memory_before_kib: Option<u64>,
    memory_most_kib: u64,
}

impl Told {
    async fn round(&mut self, on: &mut Backends, client: &Client, outage: Outage, lasts: Duration) {
        cut(on, outage, true);
        let begun = Instant::now();
        if let Some(stranger) = self.stranger.take_if(|_| matches!(outage, Outage::Store(_))) {
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
        self.recovery_ms = self.recovery_ms.max(ended.elapsed().as_millis());
    }

    fn judge(&mut self, asked: &[Asked]) {
        for read in asked.iter().filter(|asked| !asked.is_write) {
            self.judge_read(read);
        }
        for write in asked.iter().filter(|asked| asked.is_write) {
            let Some(outage) = self.during(write) else { continue };
            if let Some((_, begun)) = outage {
                // Until the cut nobody kept the caller of a write that was under way.
                let took = write.took.saturating_sub(begun.saturating_duration_since(write.at));
                self.under_way += usize::from(write.at < begun);
                self.longest_ms = self.longest_ms.max(took.as_millis());
                self.late += usize::from(took > ANSWER_MAX);
            }
            let outage = outage.map(|(outage, _)| outage);
            let is_there = !matches!(outage, Some(Outage::Store(_)));
            self.asked_while_there += usize::from(is_there);
            match write.status {
                // With the store away: done before it was gone, or once it was back.
                200 => {}
                503 if is_there => self.needless += 1,
                503 if write.says_when => self.refused += 1,
                status => self.wrong.push(format!("{status} during {outage:?}")),
            }
        }
    }

    fn judge_read(&mut self, read: &Asked) {
        let answered = read.at + read.took;
        let away = |(outage, begun, ended): &(Outage, Instant, Instant)| {
            matches!(outage, Outage::Store(_)) && *begun <= read.at && answered <= *ended
        };
        let store_is_away = self.outages.iter().any(away);
        self.reads += 1;
        self.reads_while_away += usize::from(store_is_away);
        self.reads_late += usize::from(read.took > ANSWER_MAX);
        self.longest_read_ms = self.longest_read_ms.max(read.took.as_millis());
        let mark = read.mark.as_deref().unwrap_or_default();
        let is_marked = match store_is_away {
            true => mark.starts_with("freight; hit") || mark.ends_with("detail=store-away"),
            false => mark.starts_with("freight; "),
        };
        if read.status != 200 || !is_marked {
            self.wrong.push(format!("a cached answer was {} \"{mark}\"", read.status));
        }
    }

    /// What was cut off when somebody asked, and since when: the store also when it was cut off before the
    /// answer. `None` = queue or cache was cut off before the answer, or something was just restored.
    fn during(&self, write: &Asked) -> Option<Option<(Outage, Instant)>> {
        let answered = write.at + write.took;
        let waits_for_store = |(outage, begun, ended): &&(Outage, Instant, Instant)| {
            matches!(outage, Outage::Store(_)) && write.at <= *ended && answered >= *begun
        };
        if let Some((outage, begun, _)) = self.outages.iter().find(waits_for_store) {
            return Some(Some((*outage, *begun)));
        }
        for (outage, begun, ended) in &self.outages {
            if (*begun..=*ended).contains(&write.at) {
                return Some(Some((*outage, *begun)));
            }
            if answered >= *begun && write.at < *ended + CALM {
                return None;
            }
        }
        Some(None)
    }

    fn line(&self, acknowledged: usize, lost: usize) -> Value {
        json!({
            "rounds": self.outages.len(),
            "acknowledged": acknowledged,
            "lost": lost,
            "under_way": self.under_way,
            "refused": self.refused,
            "asked_while_there": self.asked_while_there,
            "refused_needlessly": self.needless,
            "longest_answer_ms": self.longest_ms,
            "later_than_a_second": self.late,
            "cached_reads": self.reads,
            "cached_reads_while_away": self.reads_while_away,
            "cached_reads_late": self.reads_late,
            "longest_read_ms": self.longest_read_ms,
            "strangers_refused": self.strangers_refused,
            "recovery_ms": self.recovery_ms,
            "memory_growth_kib": self.memory_most_kib - self.memory_before_kib.unwrap_or_default(),
            "wrong": self.wrong,
        })
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

fn memory_kib(copy: &Copy) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", copy.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
