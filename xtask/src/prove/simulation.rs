//! Proof: whatever befalls a cluster, each piece of work happens, once, and is counted so.
//!
//! The lives are those of `crates/jobs/examples/simulation`: engines on one store and one queue that
//! fail in every way they can, on a clock that nobody waits for. What is judged is the store, by an
//! engine that nothing befell. Everything random comes from a life's seed: a life that went wrong is
//! lived again by `simulation SCENE SEED 1`.
//!
//! The saboteurs are engines with a mistake that people have made; each must be noticed.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Attack, Verdict};
use crate::process;

/// The engines that are broken on purpose.
const SABOTEURS: [&str; 5] = ["no-fence", "no-sweep", "early-acknowledgement", "counting-notices", "lost-cursor"];
/// How many lives each of them gets to be noticed in.
const SABOTAGED_LIVES: u64 = 2_000;

/// Lives in which anything happens, and each of the saboteurs.
pub(super) fn run(attack: &Attack) -> Result<Verdict> {
    prove(attack, "anything", &SABOTEURS)
}

/// Lives of jobs of forty parts whose notices come up to four times, in no order, or not at all.
pub(super) fn notices(attack: &Attack) -> Result<Verdict> {
    prove(attack, "notices", &["counting-notices"])
}

/// Lives of schedules in nights in which clocks are put forward and back.
pub(super) fn ticks(attack: &Attack) -> Result<Verdict> {
    prove(attack, "ticks", &["no-unique-tick"])
}

fn prove(attack: &Attack, scene: &str, names: &[&str]) -> Result<Verdict> {
    let program = process::built("--release --locked --package jobs --example simulation")?;
    let honest = lives(&program, scene, attack.seed, attack.n, None)?;
    let all_happened = honest["never_happened"].as_array().is_some_and(Vec::is_empty);
    let held = honest["wrong"].is_null() && honest["lives"] == attack.n && all_happened;
    let mut caught = true;
    let mut saboteurs = json!({});
    for &name in names {
        let broken = lives(&program, scene, attack.seed, SABOTAGED_LIVES, Some(name))?;
        caught &= !broken["wrong"].is_null();
        saboteurs[name] = json!({ "caught": !broken["wrong"].is_null(), "lives": broken["lives"] });
    }
    let mut figures = honest;
    figures["saboteurs"] = saboteurs;
    Ok(Verdict { passed: held && caught, figures })
}

/// Lives so many lives, or as many as it takes until one goes wrong.
fn lives(program: &Path, scene: &str, first: u64, count: u64, saboteur: Option<&str>) -> Result<Value> {
    let mut command = process::command(program, "");
    command.args([scene.to_owned(), first.to_string(), count.to_string()]).args(saboteur);
    let output = command.stderr(std::process::Stdio::inherit()).output()?;
    let line: Value = serde_json::from_slice(&output.stdout)?;
    // It exits with 1 exactly when it names a life: one that died on the way has shown nothing.
    ensure!(output.status.success() == line["wrong"].is_null(), "the simulation ended with {}", output.status);
    Ok(line)
}
