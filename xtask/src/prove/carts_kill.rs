//! Proof: jobs that fill one cart count exactly, whatever is rung and whoever dies.
//!
//! The child is `crates/freight/examples/carts`: an engine on an embedded store, and eight jobs that put as
//! many records each into one cart, most of them the same. Its rings are doubled, put in disorder and lost,
//! and it is killed at random moments; the last life ends in peace.
//!
//! The oracle is this process: it remembers what each life said. What a job says it has put in never
//! becomes less, nor more than it found; a job that says it is completed has put in all. In the end there
//! are as many items in the store as there are different records, the cart counts as many, and so many are
//! new to all jobs together.
//!
//! The saboteur writes items apart from their counts.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::disk::Random;
use super::life::{End, Life};
use super::{Attack, Verdict};
use crate::process;

/// How many jobs there are.
const JOBS: u64 = 8;
/// How many records each finds, in a full run and in a quick one; each begins an eighth later than the one
/// before.
const FOUND: u64 = 100_000;
const FOUND_QUICK: u64 = 16_000;
/// When a kill comes after the child has made headway, at least and so much later. Killed before that again and
/// again, a part would rightly be taken for what kills its process.
const KILLED_AFTER_MIN_MS: u64 = 100;
const KILLED_WITHIN_MS: u64 = 500;
/// At least so many of the kills have to come while a write is under way.
const IN_FLIGHT_LEAST: f64 = 0.8;
/// In so many kills the saboteur must be noticed.
const SABOTAGED_KILLS: u64 = 30;

pub(super) fn run(attack: &Attack) -> Result<Verdict> {
    let program = process::example("carts")?;
    let mut random = Random::new(attack.seed);
    let found = if attack.quick { FOUND_QUICK } else { FOUND };
    let honest = lives(&program, attack.n, found, false, &mut random)?;
    let broken = lives(&program, SABOTAGED_KILLS, FOUND_QUICK, true, &mut random)?;
    let caught = !broken.wrong.is_empty();
    let in_flight_share = honest.in_flight as f64 / honest.kills.max(1) as f64;
    let attacked = honest.kills == attack.n
        && attack.n > 0
        && in_flight_share >= IN_FLIGHT_LEAST
        && honest.oracle.reads > 0
        && honest.rings.iter().all(|rings| *rings > 0);
    let [doubled, disordered, lost] = honest.rings;
    let figures = json!({
        "kills": honest.kills,
        "in_flight_share": in_flight_share,
        "jobs": JOBS,
        "found": JOBS * found,
        "items": honest.oracle.items,
        "rings_doubled": doubled,
        "rings_disordered": disordered,
        "rings_lost": lost,
        "reads": honest.oracle.reads,
        "wrong": honest.wrong,
        "saboteur": { "caught": caught, "kills": broken.kills },
    });
    Ok(Verdict { passed: attacked && honest.wrong.is_empty() && caught, figures })
}

/// What came of a store whose process was killed so often.
struct Found {
    kills: u64,
    in_flight: u64,
    /// Doubled, put in disorder and lost.
    rings: [u64; 3],
    oracle: Oracle,
    wrong: Vec<String>,
}

fn lives(program: &Path, kills: u64, each: u64, split: bool, random: &mut Random) -> Result<Found> {
    let folder = tempfile::tempdir()?;
    let mut found = Found { kills: 0, in_flight: 0, rings: [0; 3], oracle: Oracle::new(each), wrong: Vec::new() };
    while found.wrong.is_empty() {
        let life = Life::start(command(program, folder.path(), each, random.next(), split))?;
        let wait = Duration::from_millis(KILLED_AFTER_MIN_MS + random.below(KILLED_WITHIN_MS));
        let mut headway = Headway::default();
        let ready = |line: &str| headway.is_made(line);
        let end = life.lived((found.kills < kills).then_some(wait), ready, |line| found.oracle.hear(line))?;
        found.rings = [0, 1, 2].map(|n| found.rings[n] + found.oracle.rings[n]);
        found.wrong.append(&mut found.oracle.wrong);
        match end {
            End::Killed { in_flight, .. } => {
                found.kills += 1;
                found.in_flight += u64::from(in_flight);
            }
            End::Finished => break,
        }
    }
    Ok(found)
}

fn command(program: &Path, folder: &Path, each: u64, seed: u64, split: bool) -> Command {
    let mut command = process::command(program, "");
    command.arg(folder).args([JOBS, each, seed].map(|number| number.to_string()));
    command.args(split.then_some("split"));
    command
}

/// Whether a life has come further than it began.
#[derive(Default)]
struct Headway {
    /// What was first said of each job.
    first: BTreeMap<String, String>,
}

impl Headway {
    /// A job has put in more, or planned more, than at first.
    fn is_made(&mut self, line: &str) -> bool {
        let Some(told) = line.strip_prefix("read ").and_then(|told| told.rsplit_once(' ')) else { return false };
        let Some((job, at)) = told.0.split_once(' ') else { return false };
        *self.first.entry(job.to_owned()).or_insert_with(|| at.to_owned()) != *at
    }
}

/// What was said so far.
struct Oracle {
    /// How many records each job finds.
    each: u64,
    /// How many items each job has put in, by its number.
    put: BTreeMap<u64, u64>,
    /// Of this life: doubled, put in disorder and lost.
    rings: [u64; 3],
    items: u64,
    reads: u64,
    wrong: Vec<String>,
}

impl Oracle {
    fn new(each: u64) -> Self {
        Self { each, put: BTreeMap::new(), rings: [0; 3], items: 0, reads: 0, wrong: Vec::new() }
    }

    fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let numbers: Vec<u64> = words.iter().filter_map(|word| word.parse().ok()).collect();
        match (words.first().copied(), numbers.as_slice()) {
            (Some("open"), []) => self.rings = [0; 3],
            (Some("rings"), rings @ [_, _, _]) => self.rings = [rings[0], rings[1], rings[2]],
            (Some("read"), [job, added, present, total]) => {
                let put = added + present;
                let before = self.put.insert(*job, put).unwrap_or(0);
                let completed = words.last() == Some(&"completed");
                let holds = put >= before && put <= *total && *total <= self.each && (!completed || put == self.each);
                self.reads += 1;
                self.ensure(holds, line);
            }
            (Some("end"), [items, counted, added, letters]) => {
                let different = self.each + (JOBS - 1) * (self.each / JOBS);
                let all = [items, counted, added].iter().all(|figure| **figure == different);
                self.items = *items;
                self.ensure(all && *letters == 0, line);
            }
            _ => self.wrong.push(format!("not understood: {line}")),
        }
    }

    fn ensure(&mut self, holds: bool, line: &str) {
        if !holds {
            self.wrong.push(format!("{line}, after {:?}", self.put));
        }
    }
}
