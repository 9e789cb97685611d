//! Proof: one story on memory, SQLite and DynamoDB has the same answers.
//!
//! The histories are those of `crates/freight/examples/model`, each drawn from its own seed; DynamoDB
//! is moto behind the shim on its bad day, and every kind of fault must have happened, to reads and to
//! writes. The oracle is the store in memory, which is the specification. The saboteur is one comparison
//! flipped: a range that leaves out its end.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Attack, Verdict};
use crate::{process, tools};

/// How many histories the saboteur gets to be noticed in.
const SABOTAGED: u64 = 50;
/// So many histories must have met a transaction that was done, not answered, and asked for again: ten have
/// six of them on average, and by chance none.
const REPLAYED_FROM: u64 = 30;

pub(super) fn run(attack: &Attack) -> Result<Verdict> {
    tools::for_tests()?;
    // Unoptimized, as the tests have it built already: what takes the time is the emulator.
    let program = process::example("model")?;
    let honest = histories(&program, attack.seed, attack.n, None)?;
    let happened = happened(&honest, attack.n);
    let held = honest["wrong"].is_null() && honest["histories"] == attack.n;
    let broken = histories(&program, attack.seed, SABOTAGED, Some("flipped"))?;
    let caught = !broken["wrong"].is_null();
    let mut figures = honest;
    figures["divergences"] = u64::from(!figures["wrong"].is_null()).into();
    figures["saboteur"] = json!({ "caught": caught, "histories": broken["histories"] });
    Ok(Verdict { passed: held && happened && caught, figures })
}

/// Whether so many histories had every kind of fault, were refused writes, and wrote much and several at once.
fn happened(figures: &Value, histories: u64) -> bool {
    let many = |count: &Value| count.as_u64() > Some(0);
    let fired = figures["fired"].as_object().is_some_and(|fired| {
        fired.iter().all(|(fault, count)| many(count) || (fault == "replayed" && histories < REPLAYED_FROM))
    });
    fired && ["refused", "long_bulks", "changes_of_several"].iter().all(|of| many(&figures[of]))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_happened_was_not_attacked() {
        let fired = json!({ "unprocessed_reads": 1, "lost_writes": 1, "replayed": 1 });
        let all = json!({ "fired": fired, "refused": 1, "long_bulks": 1, "changes_of_several": 1 });
        assert!(happened(&all, 300));
        for of in ["refused", "long_bulks", "changes_of_several", "fired"] {
            let mut without = all.clone();
            without[of] = Value::Null;
            assert!(!happened(&without, 300), "without {of}");
        }
        for fault in ["unprocessed_reads", "lost_writes", "replayed"] {
            let mut without = all.clone();
            without["fired"][fault] = 0.into();
            assert!(!happened(&without, 300), "without {fault}");
            assert_eq!(happened(&without, 10), fault == "replayed", "ten without {fault}");
        }
    }
}
