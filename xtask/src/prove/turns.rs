//! Proof: one tenant's work does not delay another's, however much of it there is.
//!
//! The program is `crates/freight/examples/turns`: beside a tenant with as many tasks as this proof
//! says, and a paused job of a twentieth as many batches, another tenant asks for one task at a time.
//! It has to begin before a hundred more of the first tenant's do; beside the paused job, and after a
//! new start that has heard no ring, it must not wait long.
//!
//! The saboteur is the same program with all rings in one line.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{Attack, Verdict};
use crate::process;

/// So many of a neighbour's tasks may begin while one waits.
const OVERTAKERS_MAX: u64 = 100;
/// So long may 99 of 100 tasks wait beside a paused job, in microseconds.
const WAIT_MAX_US: u64 = 100_000;
/// The neighbour's tasks that are enough for the saboteur.
const SABOTAGED_TASKS: u64 = 20_000;

pub(super) fn run(attack: &Attack) -> Result<Verdict> {
    // Optimized, whatever the run: what a task costs the processor is what others wait for.
    let program = process::built("--release --locked --package freight --example turns")?;
    let mut figures = asked(&program, attack.n, None)?;
    let broken = asked(&program, attack.n.min(SABOTAGED_TASKS), Some("one-line"))?;
    let crowded = figures["begun"].as_u64().context("a count")? < attack.n;
    let passed = crowded && is_fair(&figures)?;
    let caught = !is_fair(&broken)?;
    figures["saboteur"] = json!({ "caught": caught, "overtakers": broken["beside"]["waiting"]["overtakers"]["most"] });
    Ok(Verdict { passed: passed && caught, figures })
}

fn asked(program: &Path, tasks: u64, saboteur: Option<&str>) -> Result<Value> {
    let folder = tempfile::tempdir()?;
    let mut command = process::command(program, "");
    command.arg(folder.path()).arg(tasks.to_string()).args(saboteur);
    Ok(serde_json::from_str(&process::output(command)?)?)
}

fn is_fair(figures: &Value) -> Result<bool> {
    let beside = &figures["beside"];
    let mut fair = beside["paused"]["waited_us"]["p99"].as_u64().context("a wait")? <= WAIT_MAX_US;
    for neighbour in ["waiting", "unheard"] {
        fair &= beside[neighbour]["overtakers"]["most"].as_u64().context("a count")? < OVERTAKERS_MAX;
    }
    Ok(fair)
}
