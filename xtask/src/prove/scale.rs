//! Proof: what a tenant's jobs cost does not grow with how many there have been.
//!
//! The program is `crates/freight/examples/scale`: it lets as many jobs run to their end as this proof
//! says, and times lists, counts and claims when there are a thousand and when there are all. The 99th
//! percentile of each may double, from half a millisecond on. Then the jobs are older than they are
//! kept, and a bounded number of them is removed each second; what a claim takes meanwhile is printed.
//!
//! Nothing is killed here and nothing is lost, so there is no saboteur: a list that scanned would take
//! hundreds of times as long.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{Attack, Verdict};
use crate::process;

const TIMED: [&str; 4] = ["list", "deep", "count", "claim"];
/// How much longer the slowest of a hundred may take.
const GROWTH_MAX: f64 = 2.0;
/// What takes less than this is not told from what the machine does beside it, in microseconds.
const NOISE_US: f64 = 500.0;
/// Fifty jobs a second and tenant are removed.
const PRUNED_PER_S_MAX: f64 = 60.0;
const PRUNED_PER_S_MIN: f64 = 10.0;

pub(super) fn run(attack: &Attack) -> Result<Verdict> {
    let program = if attack.quick {
        process::example("scale")
    } else {
        process::built("--release --locked --package freight --example scale")
    }?;
    let folder = tempfile::tempdir()?;
    let mut command = process::command(&program, "");
    command.arg(folder.path()).arg(attack.n.to_string());
    let mut figures: Value = serde_json::from_str(&process::output(command)?)?;
    let p99 = |of: &Value| of[1].as_f64().context("a 99th percentile");
    let mut held = true;
    let mut growth = json!({});
    for what in TIMED {
        let times = p99(&figures["many"][what])? / p99(&figures["few"][what])?.max(NOISE_US);
        held &= times <= GROWTH_MAX;
        growth[what] = json!((times * 100.0).round() / 100.0);
    }
    let pruned = figures["pruned_per_s"].as_f64().context("a rate")?;
    held &= (PRUNED_PER_S_MIN..=PRUNED_PER_S_MAX).contains(&pruned);
    figures["growth_of_p99"] = growth;
    Ok(Verdict { passed: held, figures })
}
