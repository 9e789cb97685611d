//! Proofs about copies of the program on backends that they share.
//!
//! The program is `crates/freight/examples/fleet`, which starts copies of the server as processes, on
//! moto behind the shim and a Redis, and is the caller and the oracle: it remembers what it was told.
//! Each scene has a saboteur: a server that waits for a store which is away, copies that are killed where
//! they ought to be told to stop, so that their leases stay, and copies that each count for themselves.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{Attack, Verdict};
use crate::{process, tools};

/// How long a copy may take to be itself again.
const RECOVERY_MAX_MS: u64 = 30_000;
/// How much memory an outage may cost.
const GROWTH_MAX_KIB: u64 = 64 << 10;
/// One write of so many may be refused although the store is there: an emulator pauses, too.
const NEEDLESS_PER: u64 = 50;
/// How long a copy that is told to stop may take to end.
const EXIT_MAX_MS: u64 = 30_000;
/// How long a job may take from the moment in which a copy that works on it is told to stop: less than a
/// lease lasts.
const HANDED_ON_MAX_MS: u64 = 28_000;
/// How often those who wrote to a copy that was killed may be told to wait: two write, and ask again each second
/// until the lease of their key is over, which lasts a minute.
const WAITS_MAX: u64 = 2 * 70;
/// How many more than the limit four copies may admit.
const TOLERATED: u64 = 4;
/// How many rounds the saboteur gets.
const SABOTAGED_ROUNDS: u64 = 4;

/// DynamoDB, SQS and Redis are cut off, one at a time.
pub(super) fn outage(attack: &Attack) -> Result<Verdict> {
    let stage = Stage::open()?;
    let mut figures = stage.play("outage", attack, attack.n, None)?;
    let broken = stage.play("outage", attack, SABOTAGED_ROUNDS, Some("patient"))?;
    let told = |name: &str| count(&figures, name);
    let attacked = told("rounds")? == attack.n
        && told("asked_while_there")? > 0
        && told("refused")? > 0
        && told("cached_reads_while_away")? > 0
        && told("strangers_refused")? > 0;
    let held = told("lost")? == 0
        && told("later_than_a_second")? == 0
        && told("cached_reads_late")? == 0
        && told("recovery_ms")? <= RECOVERY_MAX_MS
        && told("memory_growth_kib")? <= GROWTH_MAX_KIB
        && told("refused_needlessly")? * NEEDLESS_PER <= told("asked_while_there")?
        && figures["wrong"] == json!([]);
    let (late, reads_late) = (count(&broken, "later_than_a_second")?, count(&broken, "cached_reads_late")?);
    let caught = late > 0 && reads_late > 0;
    figures["saboteur"] = json!({ "caught": caught, "later_than_a_second": late, "cached_reads_late": reads_late });
    Ok(Verdict { passed: attacked && held && caught, figures })
}

/// Copies are stopped and started anew, one after the other.
pub(super) fn roll(attack: &Attack) -> Result<Verdict> {
    let stage = Stage::open()?;
    let mut figures = stage.play("roll", attack, attack.n, None)?;
    let broken = stage.play("roll", attack, 1, Some("kept"))?;
    let told = |name: &str| count(&figures, name);
    let attacked = told("rounds")? == attack.n && told("asked")? > 0 && told("jobs")? > 0 && told("ticks")? > 0;
    let held = told("refused")? == 0
        && told("jobs_lost")? == 0
        && told("ticks_twice")? == 0
        && told("ticks_missed")? == 0
        && told("told_to_wait")? <= attack.n / 2 * WAITS_MAX
        && told("exit_ms")? <= EXIT_MAX_MS
        && told("handed_on_ms")? <= HANDED_ON_MAX_MS
        && figures["wrong"] == json!([]);
    let kept = count(&broken, "handed_on_ms")?;
    let caught = kept > HANDED_ON_MAX_MS;
    figures["saboteur"] = json!({ "caught": caught, "handed_on_ms": kept });
    Ok(Verdict { passed: attacked && held && caught, figures })
}

/// Four copies count requests over one Redis, without it, and with it again.
pub(super) fn limits(attack: &Attack) -> Result<Verdict> {
    let stage = Stage::open()?;
    let mut figures = stage.play("limits", attack, attack.n, None)?;
    let broken = stage.play("limits", attack, attack.n, Some("apart"))?;
    let told = |name: &str| count(&figures, name);
    let (limit, copies) = (told("limit")?, told("copies")?);
    let refused = count(&figures["statuses"], "429")?;
    let known =
        figures["statuses"].as_object().is_some_and(|statuses| statuses.keys().all(|s| s == "200" || s == "429"));
    let held = told("most")? <= limit + TOLERATED
        && told("most_with_redis_again")? <= limit + TOLERATED
        && (1..=limit * copies).contains(&told("most_without_redis")?);
    let attacked = refused > 0 && told("most")? > limit / 2;
    let (apart, windows) = (count(&broken, "most")?, count(&broken, "most_in_fixed_windows")?);
    let caught = apart.min(windows) > limit + TOLERATED;
    figures["saboteur"] = json!({ "caught": caught, "most": apart, "most_in_fixed_windows": windows });
    Ok(Verdict { passed: held && attacked && known && caught, figures })
}

/// Where scenes are played: with everything that they need, unoptimized, as the tests have it built.
struct Stage {
    scenes: PathBuf,
    program: PathBuf,
}

impl Stage {
    fn open() -> Result<Self> {
        tools::for_tests()?;
        let program = process::built("--locked --workspace --bin freight")?;
        Ok(Self { scenes: process::example("fleet")?, program })
    }

    fn play(&self, scene: &str, attack: &Attack, rounds: u64, saboteur: Option<&str>) -> Result<Value> {
        let mut command = process::command(&self.scenes, scene);
        command.arg(&self.program).args([attack.seed.to_string(), rounds.to_string()]).args(saboteur);
        serde_json::from_str(&process::output(command)?).context("what a scene tells")
    }
}

fn count(figures: &Value, name: &str) -> Result<u64> {
    figures[name].as_u64().with_context(|| format!("no {name}"))
}
