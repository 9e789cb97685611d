//! Proof: what ingest acknowledged survives kill -9, and a run goes on where it was.
//!
//! Two kinds of writes are under way all the time. *Importers* post rows as CSV, in pieces, and
//! remember each piece that was answered with 207. *Runs* of `POST /fetch-data`, 200 calls with
//! sizes from 1 to 150, fetch users from the stand-in, which is a process of its own: its journal
//! outlives every kill. The server is killed at random moments of a run and started again on the
//! same file, until all kills are spent; then it finishes in peace, and is judged:
//!
//! - Every row that was acknowledged is there, as it was sent, once, and in order.
//! - Every record is, byte for byte, one that the stand-in sent under this id. (The journal holds
//!   ids and names only; what was sent is had again by calling for the same numbers: see
//!   [`witness`].)
//! - *No answer that was staged was fetched again.* Of two answers to the same batch only one may
//!   have left records: an answer is staged before its first record is written, so one with a
//!   record in the dataset was staged. Hence answers that left records and batches that succeeded
//!   match, one for one. What may be fetched again is what a kill caught between the
//!   stand-in's answer and the staging: at most as many calls as run at once, per kill.
//! - The status is exact: records, calls, errors; each error is a dead letter, and the other way
//!   round. Counts add up at every read, and never go back, not even over a kill.
//!
//! The saboteur stages answers, but forgets that it did: whoever repeats a batch calls again. It
//! exists only in a build with the feature `sabotage`, and only a full proof waits for that build.

mod import;
mod judge;
mod rig;
mod run;
mod witness;

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::disk::Random;
use super::{Attack, Verdict};
use crate::{process, server};

use judge::Findings;
use rig::Rig;

/// At least so many of the kills have to come while an import is under way.
const IN_FLIGHT_LEAST: f64 = 0.8;
/// How many kills the saboteur gets to use two answers for one batch.
const SABOTAGED_KILLS: u64 = 20;

pub(super) fn run(attack: &Attack) -> Result<Verdict> {
    let mut random = Random::new(attack.seed);
    let mut rig = Rig::start(&server::release()?, attack.seed)?;
    let mut kills = Kills::new(attack.n);
    let mut runs = Vec::new();
    while kills.left > 0 {
        runs.push(rig.run(&mut kills, &mut random).with_context(|| format!("run {}", runs.len() + 1))?);
    }
    let found = rig.judge(&runs)?;
    let saboteur = if attack.quick { Value::Null } else { sabotage(&mut random)? };

    let in_flight_share = kills.in_flight as f64 / attack.n.max(1) as f64;
    let refetched_max = attack.n * run::CONCURRENCY;
    let attacked = kills.made == attack.n && attack.n > 0 && found.acked > 0 && in_flight_share >= IN_FLIGHT_LEAST;
    let held = found.held() && found.refetched <= refetched_max;
    let caught = attack.quick || saboteur["caught"] == true;
    let mut figures = figures(&found);
    figures["kills"] = kills.made.into();
    figures["in_flight_share"] = in_flight_share.into();
    figures["refetched_max"] = refetched_max.into();
    figures["saboteur"] = saboteur;
    Ok(Verdict { passed: attacked && held && caught, figures })
}

fn figures(found: &Findings) -> Value {
    json!({
        "runs": found.runs,
        "acked": found.acked,
        "lost": found.lost,
        "calls": found.calls,
        "fetched": found.fetched,
        "refetched": found.refetched,
        "staged_refetched": found.staged_refetched,
        "records": found.records,
        "failed_calls": found.failed_calls,
        "reads": found.reads,
        "wrong": found.wrong,
    })
}

/// Kills the sabotaged server until it is caught.
fn sabotage(random: &mut Random) -> Result<Value> {
    let broken = process::built("--release --locked -p freight --features sabotage --example sabotaged")?;
    let mut kills = Kills::new(SABOTAGED_KILLS);
    while kills.left > 0 {
        let found = one_run(&broken, &mut kills, random)?;
        if found.staged_refetched > 0 {
            return Ok(json!({ "caught": true, "kills": kills.made, "staged_refetched": found.staged_refetched }));
        }
    }
    Ok(json!({ "caught": false, "kills": kills.made }))
}

fn one_run(program: &Path, kills: &mut Kills, random: &mut Random) -> Result<Findings> {
    let mut rig = Rig::start(program, random.next())?;
    let run = rig.run(kills, random)?;
    rig.judge(&[run])
}

/// How many kills there are to come, and were.
struct Kills {
    left: u64,
    made: u64,
    /// How many of those broke an import off.
    in_flight: u64,
}

impl Kills {
    fn new(left: u64) -> Self {
        Self { left, made: 0, in_flight: 0 }
    }

    fn spend(&mut self, in_flight: bool) {
        self.left -= 1;
        self.made += 1;
        self.in_flight += u64::from(in_flight);
    }
}
