//! Proof: a job whose process is killed over and over does all of its work, once, and says so exactly.
//!
//! The child is `crates/freight/examples/kills`: an engine on an embedded store and a job of ten thousand
//! records, each with an effect that counts how often it happened. It is killed at random moments, and
//! ends itself at named points: before and after it takes a lease, plans a page, saves a place, counts,
//! completes a batch, settles a job. When a job ends before all kills are spent, another one begins; the
//! last one ends in peace.
//!
//! The oracle is this process: it remembers what each life said. *Effects* may never become fewer, nor
//! happen twice, and in the end each of them happened. *Counts* may never say more than there is, nor
//! less than they said before, at any read of any life: the records that are neither processed nor failed
//! remain, so that the three always make up the total.
//!
//! The saboteur writes what a batch did apart from how far it is.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::disk::Random;
use super::life::{End, Life};
use super::{Attack, Verdict};
use crate::process;

const RECORDS: u64 = 10_000;
/// Where the child ends itself, and when it comes by for how-manieth time, from and to. Before a page is
/// planned one has to have been, or a planner would never make headway.
const POINTS: [(&str, u64, u64); 12] = [
    ("before-plan", 2, 2),
    ("after-plan", 1, 2),
    ("before-lease", 1, 8),
    ("after-lease", 1, 8),
    ("before-save", 3, 12),
    ("after-save", 2, 12),
    ("before-count", 3, 12),
    ("after-count", 2, 12),
    ("before-complete", 2, 5),
    ("after-complete", 1, 5),
    ("before-settle", 1, 1),
    ("after-settle", 1, 1),
];
/// When a random kill comes after the child has opened its store: its first sweep is over by then, and it
/// writes.
const KILLED_AFTER_MIN_MS: u64 = 80;
/// And at the latest so much later.
const KILLED_WITHIN_MS: u64 = 120;
/// How long a life may last that is to end at a point.
const POINT_WAIT: Duration = Duration::from_millis(400);
/// At least so many of the kills have to come while a write is under way.
const IN_FLIGHT_LEAST: f64 = 0.8;
/// In so many kills the saboteur must be noticed.
const SABOTAGED_KILLS: u64 = 60;

pub(super) fn run(attack: &Attack) -> Result<Verdict> {
    let program = process::example("kills")?;
    let mut random = Random::new(attack.seed);
    let honest = lives(&program, attack.n, false, &mut random)?;
    let broken = lives(&program, SABOTAGED_KILLS, true, &mut random)?;
    let caught = !broken.wrong.is_empty();
    let in_flight_share = honest.in_flight as f64 / honest.kills.max(1) as f64;
    let attacked = honest.kills == attack.n && attack.n > 0 && in_flight_share >= IN_FLIGHT_LEAST && honest.reads > 0;
    let figures = json!({
        "kills": honest.kills,
        "at_points": honest.at_points,
        "in_flight_share": in_flight_share,
        "jobs": honest.jobs,
        "effects": honest.effects,
        "reads": honest.reads,
        "wrong": honest.wrong,
        "saboteur": { "caught": caught, "kills": broken.kills },
    });
    Ok(Verdict { passed: attacked && honest.wrong.is_empty() && caught, figures })
}

/// Its store is open.
fn is_open(line: &str) -> bool {
    line.starts_with("open")
}

/// What came of a store whose process was killed so often.
#[derive(Default)]
struct Found {
    kills: u64,
    at_points: u64,
    in_flight: u64,
    jobs: u64,
    effects: u64,
    reads: u64,
    wrong: Vec<String>,
}

fn lives(program: &Path, kills: u64, split: bool, random: &mut Random) -> Result<Found> {
    let folder = tempfile::tempdir()?;
    let mut found = Found::default();
    let mut oracle = Oracle::default();
    while found.wrong.is_empty() {
        let point = (found.kills < kills).then(|| point(random)).flatten();
        let life = Life::start(command(program, folder.path(), found.jobs, point.as_ref(), split))?;
        let wait = Duration::from_millis(KILLED_AFTER_MIN_MS + random.below(KILLED_WITHIN_MS));
        let wait = if point.is_some() { POINT_WAIT } else { wait };
        let end = life.lived((found.kills < kills).then_some(wait), is_open, |line| oracle.hear(line))?;
        found.reads += std::mem::take(&mut oracle.reads);
        found.wrong.append(&mut oracle.wrong);
        match end {
            End::Killed { by_itself, in_flight } => {
                found.kills += 1;
                found.at_points += u64::from(by_itself);
                found.in_flight += u64::from(in_flight);
            }
            End::Finished => {
                found.jobs += 1;
                found.effects += oracle.effects;
                oracle = Oracle::default();
                if found.kills >= kills {
                    break;
                }
            }
        }
    }
    Ok(found)
}

fn command(program: &Path, folder: &Path, job: u64, point: Option<&(&str, u64)>, split: bool) -> Command {
    let mut command = process::command(program, "");
    command.arg(folder).arg(job.to_string());
    if let Some((name, nth)) = point {
        command.args([(*name).to_owned(), nth.to_string()]);
    }
    command.args(split.then_some("split"));
    command
}

/// A named point in half of the lives, with how often it is to be passed.
fn point(random: &mut Random) -> Option<(&'static str, u64)> {
    if random.below(2) == 0 {
        return None;
    }
    let (name, least, most) = POINTS[random.below(POINTS.len() as u64) as usize];
    Some((name, least + random.below(most - least + 1)))
}

/// What was said so far about a job.
#[derive(Default)]
struct Oracle {
    effects: u64,
    processed: u64,
    total: u64,
    reads: u64,
    wrong: Vec<String>,
}

impl Oracle {
    fn hear(&mut self, line: &str) {
        let (said, figures) = line.split_once(' ').unwrap_or((line, ""));
        let numbers: Vec<u64> = figures.split(' ').filter_map(|figure| figure.parse().ok()).collect();
        match (said, numbers.as_slice()) {
            ("open", [effects, twice, processed, failed, total]) => {
                self.effects(line, *effects, *twice);
                self.counts(line, *processed, *failed, *total);
                self.ensure(processed <= effects, line);
            }
            ("read", [processed, failed, total]) => self.counts(line, *processed, *failed, *total),
            ("end", [effects, twice, processed, failed, total, letters]) => {
                self.effects(line, *effects, *twice);
                self.counts(line, *processed, *failed, *total);
                let all = [*effects, *processed, *total].iter().all(|figure| *figure == RECORDS);
                self.ensure(all && *letters == 0 && figures.starts_with("completed "), line);
            }
            _ => self.wrong.push(format!("not understood: {line}")),
        }
    }

    fn effects(&mut self, line: &str, effects: u64, twice: u64) {
        self.ensure(twice == 0 && effects >= self.effects, line);
        self.effects = effects;
    }

    fn counts(&mut self, line: &str, processed: u64, failed: u64, total: u64) {
        self.reads += 1;
        let grows = processed >= self.processed && total >= self.total;
        self.ensure(grows && failed == 0 && processed <= total && total <= RECORDS, line);
        (self.processed, self.total) = (processed, total);
    }

    fn ensure(&mut self, holds: bool, line: &str) {
        if !holds {
            let (effects, processed, total) = (self.effects, self.processed, self.total);
            self.wrong.push(format!("{line}, after {effects} effects, {processed} processed of {total}"));
        }
    }
}
