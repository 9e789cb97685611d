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
/// So many must have waited at the same time for a store that was away: one wave of a crowd.
const WAITED_MIN: u64 = 50;
/// In so many rounds the store is cut off while a write is under way. At the moment of one cut all four who write
/// may be resting: the two cuts of a short run can both fall so, the five or so of a longer one hardly.
const UNDER_WAY_FROM: u64 = 16;
/// So many rounds have every kind of outage once.
const EVERY_KIND: u64 = 6;
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
    let passed = outages_happened(&figures, attack.n)? && outages_did_no_harm(&figures)?;
    let (late, reads_late) = (count(&broken, "later_than_a_second")?, count(&broken, "cached_reads_late")?);
    let caught = late > 0 && reads_late > 0;
    figures["saboteur"] = json!({ "caught": caught, "later_than_a_second": late, "cached_reads_late": reads_late });
    Ok(Verdict { passed: passed && caught, figures })
}

/// Whether callers of every kind came while something was away, and soon after.
fn outages_happened(figures: &Value, rounds: u64) -> Result<bool> {
    let told = |name: &str| count(figures, name);
    Ok(told("rounds")? == rounds
        && told("acknowledged")? > 0
        && told("asked_while_there")? > 0
        && told("asked_soon_after")? > 0
        && told("refused")? > 0
        && told("waited_at_once")? >= WAITED_MIN
        && told("cached_reads_while_away")? > 0
        && told("strangers_refused")? > 0
        && told("jobs")? > 0
        && (told("jobs_while_queue_away")? > 0 || rounds < EVERY_KIND)
        && (told("under_way")? > 0 || rounds < UNDER_WAY_FROM))
}

/// Whether nobody was harmed by them.
fn outages_did_no_harm(figures: &Value) -> Result<bool> {
    let told = |name: &str| count(figures, name);
    Ok(told("lost")? == 0
        && told("jobs_lost")? == 0
        && told("later_than_a_second")? == 0
        && told("cached_reads_late")? == 0
        && told("recovery_ms")? <= RECOVERY_MAX_MS
        && told("memory_growth_kib")? <= GROWTH_MAX_KIB
        && told("refused_needlessly")? * NEEDLESS_PER <= told("asked_while_there")?
        && figures["wrong"] == json!([]))
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
    let known =
        figures["statuses"].as_object().is_some_and(|statuses| statuses.keys().all(|s| s == "200" || s == "429"));
    let passed = known && count(&figures["statuses"], "429")? > 0 && is_counted_together(&figures)?;
    let (apart, windows) = (count(&broken, "most")?, count(&broken, "most_in_fixed_windows")?);
    let caught = apart.min(windows) > count(&figures, "limit")? + TOLERATED;
    figures["saboteur"] = json!({ "caught": caught, "most": apart, "most_in_fixed_windows": windows });
    Ok(Verdict { passed: passed && caught, figures })
}

/// Whether as many were admitted as may be: by all copies together, by each for itself without Redis, and by all
/// together again.
fn is_counted_together(figures: &Value) -> Result<bool> {
    let told = |name: &str| count(figures, name);
    let (limit, copies) = (told("limit")?, told("copies")?);
    let together = limit / 2 + 1..=limit + TOLERATED;
    Ok(together.contains(&told("most")?)
        // Each has let some in, so that nothing was left of what it counts itself when Redis came back.
        && (limit * (copies - 1) + 1..=limit * copies).contains(&told("most_without_redis")?)
        && together.contains(&told("most_with_redis_again")?)
        && told("copies_with_redis_again")? == copies)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The same figures, with another one of this name.
    fn but(figures: &Value, name: &str, figure: u64) -> Value {
        let mut figures = figures.clone();
        figures[name] = figure.into();
        figures
    }

    #[test]
    fn an_outage_that_nobody_met_proves_nothing() {
        let met = json!({
            "rounds": 50, "acknowledged": 1, "asked_while_there": 1, "asked_soon_after": 1, "refused": 1,
            "waited_at_once": 200, "cached_reads_while_away": 1, "strangers_refused": 1, "jobs": 1,
            "jobs_while_queue_away": 1, "under_way": 1
        });
        assert!(outages_happened(&met, 50).unwrap());
        for name in met.as_object().unwrap().keys() {
            assert!(!outages_happened(&but(&met, name, 0), 50).unwrap(), "without {name}");
        }
        let few = but(&met, "rounds", 6);
        assert!(outages_happened(&but(&few, "under_way", 0), 6).unwrap());
        assert!(!outages_happened(&but(&few, "jobs_while_queue_away", 0), 6).unwrap());
        assert!(!outages_happened(&but(&met, "waited_at_once", WAITED_MIN - 1), 50).unwrap());
    }

    #[test]
    fn an_outage_that_harms_anybody_is_noticed() {
        let harmless = json!({
            "lost": 0, "jobs_lost": 0, "later_than_a_second": 0, "cached_reads_late": 0, "recovery_ms": 30_000,
            "memory_growth_kib": 65_536, "refused_needlessly": 1, "asked_while_there": 50, "wrong": []
        });
        assert!(outages_did_no_harm(&harmless).unwrap());
        let counts = ["lost", "jobs_lost", "later_than_a_second", "cached_reads_late", "refused_needlessly"];
        for (name, figure) in counts.map(|name| (name, 2)).into_iter().chain([
            ("recovery_ms", 30_001),
            ("memory_growth_kib", 65_537),
            ("asked_while_there", 49),
        ]) {
            assert!(!outages_did_no_harm(&but(&harmless, name, figure)).unwrap(), "{name} {figure}");
        }
        let mut wrong = harmless;
        wrong["wrong"] = json!(["a Job was answered 500"]);
        assert!(!outages_did_no_harm(&wrong).unwrap());
    }

    #[test]
    fn copies_that_never_return_to_redis_are_noticed() {
        let together = json!({
            "limit": 100, "copies": 4, "most": 100, "most_without_redis": 400, "most_with_redis_again": 104,
            "copies_with_redis_again": 4
        });
        assert!(is_counted_together(&together).unwrap());
        for (name, figure) in [
            ("most", 105),
            ("most", 50),
            ("most_without_redis", 401),
            ("most_without_redis", 300),
            ("most_with_redis_again", 105),
            ("most_with_redis_again", 0),
            ("copies_with_redis_again", 3),
        ] {
            assert!(!is_counted_together(&but(&together, name, figure)).unwrap(), "{name} {figure}");
        }
    }
}
