//! Proofs about a whole server: races, repeated requests, tenants, tokens.
//!
//! The attacks are those of `crates/freight/examples/attacks`: the program's own composition on a SQLite
//! file, called over its HTTP interface, and a ledger between it and the file. Each is run twice, the
//! second time on a server that is broken on purpose, which must be noticed.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Attack, Verdict};
use crate::process;

/// So many tokens are crafted, at least.
const CRAFTED_MIN: u64 = 75;

/// Many want what one can have.
pub(super) fn races(attack: &Attack) -> Result<Verdict> {
    prove(attack, "races")
}

/// Many send the same, and the server dies on the way.
pub(super) fn idempotency(attack: &Attack) -> Result<Verdict> {
    prove(attack, "idempotency")
}

/// One tenant asks for what is another's.
pub(super) fn tenancy(attack: &Attack) -> Result<Verdict> {
    prove(attack, "tenancy")
}

/// Strangers show tokens.
pub(super) fn jwt(attack: &Attack) -> Result<Verdict> {
    let verdict = prove(attack, "jwt")?;
    Ok(Verdict { passed: verdict.passed && is_enough_crafted(&verdict.figures), ..verdict })
}

fn is_enough_crafted(figures: &Value) -> bool {
    figures["crafted"].as_u64() >= Some(CRAFTED_MIN)
}

fn prove(attack: &Attack, name: &str) -> Result<Verdict> {
    let program = process::example("attacks")?;
    let honest = attacked(&program, &[name, &attack.n.to_string(), &attack.seed.to_string()])?;
    let broken = attacked(&program, &[name, "2", &attack.seed.to_string(), "broken"])?;
    // A run of several broken servers names each that was noticed.
    let servers = broken["figures"]["saboteurs"].as_u64().unwrap_or(1);
    let caught = broken["wrong"].as_u64() >= Some(servers);
    let mut figures = honest["figures"].clone();
    // What never happened was not attacked.
    let happened = figures.as_object().is_some_and(|figures| figures.values().all(|figure| figure.as_u64() > Some(0)));
    figures["wrong"] = honest["wrong"].clone();
    if honest["wrong"] != 0 {
        figures["named"] = honest["named"].clone();
    }
    figures["saboteurs"] = json!({ "caught": caught, "servers": servers });
    Ok(Verdict { passed: honest["wrong"] == 0 && happened && caught, figures })
}

fn attacked(program: &Path, arguments: &[&str]) -> Result<Value> {
    let output = process::command(program, "").args(arguments).stderr(Stdio::inherit()).output()?;
    let line: Value = serde_json::from_slice(&output.stdout)?;
    // It exits with 1 exactly when it names something: one that died on the way has shown nothing.
    ensure!(output.status.success() == (line["wrong"] == 0), "the attack ended with {}", output.status);
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handful_of_tokens_proves_nothing() {
        assert!(is_enough_crafted(&json!({ "crafted": 75 })));
        assert!(!is_enough_crafted(&json!({ "crafted": 74 })) && !is_enough_crafted(&json!({})));
    }
}
