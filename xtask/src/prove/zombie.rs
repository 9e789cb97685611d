//! Proof: a worker that was stopped past its lease completes nothing, counts nothing, writes nothing.
//!
//! The program is `crates/freight/examples/zombies`, in two forms. *Together*: four engines with leases
//! of a second in one process on one embedded store; this process stops it (SIGSTOP) for longer than a
//! lease lasts and its takers wait, and lets it go on; on waking the sweeps run first, and then those
//! that had a lease try to end their tasks with it. *Apart*: three processes on DynamoDB and SQS, one of
//! which is stopped at a time, while the others take its tasks over.
//!
//! The oracle is this process, which hears of each task that was acknowledged. At the end each of these
//! must have had its effect, once. The saboteur is the same program with writes that do not check the
//! lease.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::disk;
use super::{Attack, Verdict};
use crate::{process, tools};

/// A lease, what takers wait past it, and a little.
const STOP: Duration = Duration::from_millis(3_300);
/// How long it runs between two stops, at least, and how much longer at most, in milliseconds.
const RUN_LEAST: Duration = Duration::from_millis(3_000);
const RUN_MORE_MS: u64 = 600;
/// How many stops the saboteur gets to do something twice.
const SABOTAGED_STOPS: u64 = 3;
/// How often it gets them.
const SABOTAGED_TRIES: u64 = 4;
/// How long a child may say nothing.
const END_MAX: Duration = Duration::from_secs(120);

pub(super) fn run(attack: &Attack) -> Result<Verdict> {
    tools::for_tests()?;
    let program = process::example("zombies")?;
    let mut random = disk::Random::new(attack.seed);
    let together = judged(attack.n, |stops, saboteur| together(&program, stops, saboteur, &mut random))?;
    let apart = judged(attack.n, |stops, saboteur| apart(&program, attack.seed, stops, saboteur))?;
    let passed = together.passed && apart.passed;
    Ok(Verdict { passed, figures: json!({ "together": together.figures, "apart": apart.figures }) })
}

/// Judges one form of the program, and its saboteur.
fn judged(n: u64, mut stopped: impl FnMut(u64, Option<&str>) -> Result<Found>) -> Result<Verdict> {
    let honest = stopped(n, None)?;
    let mut broken = Found::default();
    for _ in 0..SABOTAGED_TRIES {
        broken = stopped(SABOTAGED_STOPS, Some("no-fence"))?;
        if broken.duplicated > 0 {
            break;
        }
    }
    let caught = broken.duplicated > 0;
    let attacked = honest.acked > 0 && honest.stale >= n;
    let passed = attacked && honest.lost == 0 && honest.duplicated == 0 && caught;
    let figures = json!({
        "acked": honest.acked,
        "stale_refused": honest.stale,
        "lost": honest.lost,
        "duplicated": honest.duplicated,
        "saboteur": { "caught": caught, "duplicated": broken.duplicated },
    });
    Ok(Verdict { passed, figures })
}

/// What came of a child that was stopped so many times.
#[derive(Default)]
struct Found {
    acked: u64,
    stale: u64,
    lost: u64,
    duplicated: u64,
}

fn together(program: &Path, stops: u64, saboteur: Option<&str>, random: &mut disk::Random) -> Result<Found> {
    let folder = tempfile::tempdir()?;
    let mut command = process::command(program, "");
    command.arg("together").arg(folder.path()).args(saboteur).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let said = hear(&mut child)?;
    for _ in 0..stops {
        process::rest(RUN_LEAST + Duration::from_millis(random.below(RUN_MORE_MS)));
        signal(&child, "STOP")?;
        process::rest(STOP);
        signal(&child, "CONT")?;
    }
    process::rest(RUN_LEAST);
    child.stdin.take().context("a child without stdin")?.write_all(b"end\n")?;
    let found = judge(&said)?;
    child.wait()?;
    Ok(found)
}

fn apart(program: &Path, seed: u64, stops: u64, saboteur: Option<&str>) -> Result<Found> {
    let mut command = process::command(program, "apart");
    command.args([seed.to_string(), stops.to_string()]).args(saboteur).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let said = hear(&mut child)?;
    let found = judge(&said)?;
    child.wait()?;
    Ok(found)
}

/// What a child says, line by line.
fn hear(child: &mut Child) -> Result<mpsc::Receiver<String>> {
    let (lines, said) = mpsc::channel();
    let out = BufReader::new(child.stdout.take().context("a child without stdout")?);
    std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
    Ok(said)
}

fn signal(child: &Child, name: &str) -> Result<()> {
    let mut command = process::command("kill", "-s");
    command.args([name, &child.id().to_string()]);
    process::output(command).map(drop)
}

/// Hears the child out.
fn judge(said: &mpsc::Receiver<String>) -> Result<Found> {
    let (mut acked, mut effects) = (BTreeSet::new(), BTreeMap::new());
    loop {
        let line = said.recv_timeout(END_MAX).context("the child does not come to its end")?;
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["ack", name] => drop(acked.insert((*name).to_owned())),
            ["effect", name, times] => drop(effects.insert((*name).to_owned(), times.parse::<u64>()?)),
            ["stale", stale] => {
                let lost = acked.iter().filter(|name| !effects.contains_key(*name)).count();
                return Ok(Found {
                    acked: acked.len() as u64,
                    stale: stale.parse()?,
                    lost: lost as u64,
                    duplicated: effects.values().filter(|times| **times > 1).count() as u64,
                });
            }
            _ => bail!("the child said {line:?}"),
        }
    }
}
