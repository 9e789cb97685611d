//! A run of `POST /fetch-data`, watched from outside while the server is killed under it.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::disk::{self, Random};
use super::Kills;
use super::rig::Rig;
use crate::http::Client;

/// How many calls a run makes.
pub(super) const CALLS: u64 = 200;
/// How many of them are under way at once, at most.
pub(super) const CONCURRENCY: u64 = 16;
/// How many calls come to their end between one kill and the next, at least, and how many more at
/// most. What was under way at a kill then runs alone, one call after the other, so some kills come
/// while it does, and some when all run at once again. A server that is killed before it gets
/// anywhere would take its tasks for killers.
const CALLS_LEAST: u64 = 4;
const CALLS_MORE: u64 = 2 * CONCURRENCY + 8;
/// How long after that the kill comes, at most.
const DELAY_US_MAX: u64 = 20_000;
/// Between two reads of the job.
const BREATH: Duration = Duration::from_millis(5);
/// How long a run may take in all.
const RUN_MAX: Duration = Duration::from_secs(300);

/// A run that is over, and what could be read of it.
pub(super) struct Run {
    pub(super) job: Value,
    pub(super) status: Value,
    pub(super) batches: Vec<Value>,
    pub(super) dead_letters: Vec<Value>,
    /// All users, in the order in which they were shown.
    pub(super) users: Vec<Box<RawValue>>,
    /// The answers of the stand-in that belong to it: numbers of lines, the last one included.
    pub(super) after: u64,
    pub(super) last: u64,
    pub(super) reads: u64,
    /// What was wrong with the counts at some read.
    pub(super) miscounted: Vec<String>,
}

impl Rig {
    /// Makes a run from its start to its end, and spends as many kills as fit in.
    pub(super) fn run(&mut self, kills: &mut Kills, random: &mut Random) -> Result<Run> {
        let after = self.witness.answered()?;
        let asked = json!({ "calls": CALLS, "size": { "min": 1, "max": 150 } });
        let accepted: Value = self.client.json("POST", "/fetch-data", &asked)?.json(202)?;
        let path = format!("/api/v1/jobs/{}", accepted["id"].as_str().context("a job without an id")?);
        let mut watch = Watch::default();
        let mut next = CALLS_LEAST + random.below(CALLS_MORE);
        let deadline = Instant::now() + RUN_MAX;
        let job = loop {
            ensure!(Instant::now() < deadline, "the run does not end: {}", watch.before);
            let job: Value = self.client.get(&path)?.json(200)?;
            watch.read(&job["counts"]);
            if job["completed_at"].is_string() {
                break job;
            }
            if kills.left > 0 && watch.ended() >= next {
                disk::pause(Duration::from_micros(random.below(DELAY_US_MAX)));
                kills.spend(self.kill()?);
                next = watch.ended() + CALLS_LEAST + random.below(CALLS_MORE);
            }
            thread::park_timeout(BREATH);
        };
        Ok(Run {
            status: self.client.get("/status")?.json(200)?,
            batches: listed(&mut self.client, &format!("{path}/batches?limit=1000"))?,
            dead_letters: dead_letters(&mut self.client, &job["id"])?,
            users: self.client.get("/view-data")?.json(200)?,
            job,
            after,
            last: self.witness.answered()?,
            reads: watch.reads,
            miscounted: watch.miscounted,
        })
    }
}

/// Every letter of this job; a later run's letters do not exist yet, so these are the newest.
fn dead_letters(client: &mut Client, job: &Value) -> Result<Vec<Value>> {
    let mut letters = listed(client, "/api/v1/dead-letters?kind=ingest.fetch&limit=1000")?;
    letters.retain(|letter| letter["job_id"] == *job);
    Ok(letters)
}

fn listed(client: &mut Client, path: &str) -> Result<Vec<Value>> {
    let mut list: Value = client.get(path)?.json(200)?;
    serde_json::from_value(list["items"].take()).context("not a list")
}

/// Reads counts, and compares each reading with the one before.
#[derive(Default)]
struct Watch {
    before: Value,
    reads: u64,
    miscounted: Vec<String>,
}

impl Watch {
    fn read(&mut self, counts: &Value) {
        self.reads += 1;
        let count = |of: &Value, name: &str| of[name].as_i64().unwrap_or(0);
        let parts: i64 = ["processed", "failed", "remaining"].iter().map(|name| count(counts, name)).sum();
        let adds_up = parts == count(counts, "total") && count(counts, "remaining") >= 0;
        let forward =
            ["total", "processed", "failed"].iter().all(|name| count(counts, name) >= count(&self.before, name));
        let records = |of: &Value| count(&of["extra"], "records");
        if !adds_up || !forward || records(counts) < records(&self.before) {
            self.miscounted.push(format!("{counts} after {}", self.before));
        }
        self.before = counts.clone();
    }

    /// How many calls came to their end.
    fn ended(&self) -> u64 {
        let count = |name: &str| self.before[name].as_u64().unwrap_or(0);
        count("processed") + count("failed")
    }
}
