//! What is there, against what must be.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::Result;
use serde_json::Value;

use super::import::{DATASET, Row};
use super::run::{CALLS, Run};
use super::witness::{Line, id};
use crate::http::Client;

/// What the seed says about an answer that is only a message.
const REFUSED: &str = "An unexpected error occurred when fetching users.";
/// At most so many things that are wrong are told.
const WRONG_MAX: usize = 10;

/// What was found in all.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) runs: u64,
    /// Rows that were acknowledged.
    pub(super) acked: u64,
    /// Acknowledged rows and applied records that are not there as they must be.
    pub(super) lost: u64,
    pub(super) calls: u64,
    /// Answers of the stand-in.
    pub(super) fetched: u64,
    /// Those of them that were not the first to their batch.
    pub(super) refetched: u64,
    /// Those whose batch had used, and so staged, another answer.
    pub(super) staged_refetched: u64,
    /// Records that the statuses tell of.
    pub(super) records: u64,
    pub(super) failed_calls: u64,
    pub(super) reads: u64,
    pub(super) wrong: Vec<String>,
}

impl Findings {
    /// Whether all that was promised was kept, and anything was there to keep.
    pub(super) fn held(&self) -> bool {
        self.lost == 0
            && self.staged_refetched == 0
            && self.wrong.is_empty()
            && self.runs > 0
            && self.records > 0
            && self.failed_calls > 0
    }

    fn check(&mut self, right: bool, what: impl FnOnce() -> String) {
        if !right && self.wrong.len() < WRONG_MAX {
            self.wrong.push(what());
        }
    }
}

/// Judges the rows of the importers.
pub(super) fn rows(client: &mut Client, imported: &[Row], found: &mut Findings) -> Result<()> {
    let export = client.get(&format!("/api/v1/datasets/{DATASET}/export?format=ndjson"))?.expect(200)?;
    let dataset: Value = client.get(&format!("/api/v1/datasets/{DATASET}"))?.json(200)?;
    let (mut kept, mut shown, mut before) = (HashMap::new(), 0_u64, i64::MIN);
    for line in String::from_utf8(export)?.lines() {
        let record: Value = serde_json::from_str(line)?;
        let delay = record["dep_delay"].as_i64().unwrap_or(i64::MIN);
        found.check(before <= delay, || format!("{delay} is shown after {before}"));
        before = delay;
        shown += 1;
        kept.insert((record["carrier"].to_string(), record["flight"].to_string()), record);
    }
    found.acked = imported.len() as u64;
    for row in imported {
        let record = row.record();
        let key = (record["carrier"].to_string(), record["flight"].to_string());
        found.lost += u64::from(kept.get(&key) != Some(&record));
    }
    let (acked, there) = (found.acked, (shown, dataset["count"].as_u64()));
    found.check(there == (acked, Some(acked)), || {
        format!("{acked} rows were imported; shown and counted are {there:?}")
    });
    Ok(())
}

/// Judges runs, with the answers of all of them.
pub(super) fn runs(runs: &[Run], lines: &[Line], found: &mut Findings) {
    let sent: HashSet<&str> = lines.iter().flat_map(|line| &line.records).map(|record| record.get()).collect();
    for run in runs {
        let own: Vec<&Line> = lines.iter().filter(|line| run.after < line.seq && line.seq <= run.last).collect();
        found.runs += 1;
        found.calls += CALLS;
        found.reads += run.reads;
        found.fetched += own.len() as u64;
        found.refetched += (own.len() as u64).saturating_sub(CALLS);
        found.check(run.miscounted.is_empty(), || format!("miscounted: {:?}", run.miscounted.first()));
        users(run, &sent, found);
        status(run, found);
        failures(run, &own, found);
        answers(run, &own, found);
    }
}

/// Every user was sent as it is, stands in the order of last names, and there is one for each id.
fn users(run: &Run, sent: &HashSet<&str>, found: &mut Findings) {
    let mut places = Vec::new();
    for user in &run.users {
        found.check(sent.contains(user.get()), || format!("nobody sent {user}"));
        let last_name = serde_json::from_str::<Value>(user.get()).ok();
        let last_name = last_name.and_then(|user| user["last_name"].as_str().map(str::to_owned));
        places.push((last_name, id(user)));
    }
    found.check(places.is_sorted(), || "users are not in the order of last name and id".to_owned());
    let ids: HashSet<u64> = places.iter().map(|(_, id)| *id).collect();
    found.check(ids.len() == places.len(), || "an id is there twice".to_owned());
}

/// The status says what batches and dead letters say.
fn status(run: &Run, found: &mut Findings) {
    let failed = run.batches.iter().filter(|batch| batch["status"] == "failed").count();
    let records: u64 = succeeded(run).sum();
    found.records += records;
    found.failed_calls += failed as u64;
    let (status, counts) = (&run.status, &run.job["counts"]);
    let ended = succeeded(run).count() + failed;
    let exact = status["job_id"] == run.job["id"]
        && status["users"] == records
        && status["api_calls"] == CALLS
        && status["error_count"] == failed
        && counts["total"] == CALLS
        && counts["failed"] == failed
        && counts["extra"]["records"] == records
        && ended as u64 == CALLS
        && status["timestamp"].as_u64().is_some_and(|at| at > 0)
        && status["duration"].as_f64().is_some_and(|seconds| seconds > 0.0);
    found.check(exact, || {
        let told = ["users", "api_calls", "error_count", "timestamp", "duration"].map(|name| &status[name]);
        format!("status {told:?}, counts {counts}: {records} records, {ended} calls, {failed} failed")
    });
}

/// How many records each batch saved that was completed.
fn succeeded(run: &Run) -> impl Iterator<Item = u64> {
    let completed = run.batches.iter().filter(|batch| batch["status"] == "completed");
    completed.map(|batch| batch["extra"]["records"].as_u64().unwrap_or(0))
}

/// Every failed call asked for too many, is an error of the status and a dead letter.
fn failures(run: &Run, own: &[&Line], found: &mut Findings) {
    let failed = run.batches.iter().filter(|batch| batch["status"] == "failed");
    let failed: HashSet<u64> = failed.filter_map(|batch| batch["seq"].as_u64()).collect();
    let dead: HashSet<u64> = run.dead_letters.iter().filter_map(|letter| letter["batch"].as_u64()).collect();
    found.check(failed == dead && run.dead_letters.len() == dead.len(), || {
        format!("failed are {failed:?}, dead letters are {dead:?}")
    });
    let none = Vec::new();
    let errors = run.status["errors"].as_array().unwrap_or(&none);
    let text = |error: &Value| error["message"] == REFUSED && error["response"] == 200;
    found.check(errors.len() == failed.len() && errors.iter().all(text), || {
        format!("{} failed, and the status tells of {errors:?}", failed.len())
    });
    let mut refused = counted(own.iter().filter(|line| line.refused).map(|line| line.size));
    for letter in &run.dead_letters {
        let size = letter["payload"]["size"].as_u64().unwrap_or(0);
        let sent = letter["context"]["request"].as_str().is_some_and(|url| url.ends_with(&format!("size={size}")));
        found
            .check(sent && text(&letter["context"]) && take(&mut refused, size), || format!("nobody refused {letter}"));
    }
}

/// Of the answers with records there is one for each batch that succeeded, and none of the others
/// left a trace. An answer whose records were all replaced by later ones cannot be seen, so answers
/// and batches are matched by how many records they have: one that can be seen and has no batch
/// was used beside another one; a batch without one must have had an answer that cannot be seen.
fn answers(run: &Run, own: &[&Line], found: &mut Findings) {
    let kept: HashSet<&str> = run.users.iter().map(|user| user.get()).collect();
    let ids: HashSet<u64> = run.users.iter().map(|user| id(user)).collect();
    let (seen, unseen): (Vec<&&Line>, Vec<&&Line>) = (own.iter().filter(|line| !line.refused))
        .partition(|line| line.records.iter().any(|record| kept.contains(record.get())));
    let size = |line: &&&Line| line.records.len() as u64;
    found.lost += seen.iter().flat_map(|line| &line.records).filter(|record| !ids.contains(&id(record))).count() as u64;
    let mut batches = counted(succeeded(run));
    found.staged_refetched += seen.iter().filter(|line| !take(&mut batches, size(line))).count() as u64;
    let unseen = counted(unseen.iter().map(size));
    batches.retain(|size, batches| unseen.get(size).unwrap_or(&0) < batches);
    found.check(batches.is_empty(), || format!("batches saved what nobody sent, by size: {batches:?}"));
}

fn counted(sizes: impl Iterator<Item = u64>) -> BTreeMap<u64, u64> {
    let mut counted = BTreeMap::new();
    for size in sizes {
        *counted.entry(size).or_default() += 1;
    }
    counted
}

/// Takes one of this size away; says whether there was one.
fn take(counted: &mut BTreeMap<u64, u64>, size: u64) -> bool {
    match counted.get_mut(&size) {
        Some(left) if *left > 1 => *left -= 1,
        Some(_) => drop(counted.remove(&size)),
        None => return false,
    }
    true
}
