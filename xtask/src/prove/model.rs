//! Proof: one story on memory, SQLite and DynamoDB has the same answers.
//!
//! The histories are those of `crates/freight/examples/model`, each drawn from its own seed; DynamoDB
//! is moto behind the shim on its bad day, and every kind of fault must have happened. The oracle is
//! the store in memory, which is the specification. The saboteur is one comparison flipped: a range
//! that leaves out its end.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Attack, Verdict};
use crate::{process, tools};

/// How many histories the saboteur gets to be noticed in.
const SABOTAGED: u64 = 50;

pub(super) fn run(attack: &Attack) -> Result<Verdict> {
    tools::for_tests()?;
    // Unoptimized, as the tests have it built already: what takes the time is the emulator.
    let program = process::example("model")?;
    let honest = histories(&program, attack.seed, attack.n, None)?;
    let faults = honest["fired"].as_object().is_some_and(|fired| fired.values().all(|count| *count != 0));
    let held = honest["wrong"].is_null() && honest["histories"] == attack.n && honest["refused"] != 0;
    let broken = histories(&program, attack.seed, SABOTAGED, Some("flipped"))?;
    let caught = !broken["wrong"].is_null();
    let mut figures = honest;
    figures["divergences"] = u64::from(!figures["wrong"].is_null()).into();
    figures["saboteur"] = json!({ "caught": caught, "histories": broken["histories"] });
    Ok(Verdict { passed: held && faults && caught, figures })
}

/// Tells so many histories, or as many as it takes until the stores disagree.
fn histories(program: &Path, first: u64, count: u64, saboteur: Option<&str>) -> Result<Value> {
    let mut command = process::command(program, "");
    command.args([first.to_string(), count.to_string()]).args(saboteur);
    let output = command.stderr(std::process::Stdio::inherit()).output()?;
    let line: Value = serde_json::from_slice(&output.stdout)?;
    // It exits with 1 exactly when it names a history: one that died on the way has shown nothing.
    ensure!(output.status.success() == line["wrong"].is_null(), "the histories ended with {}", output.status);
    Ok(line)
}
