//! Proofs: one promise each, attacked on purpose, judged by something that is not the program.
//!
//! A proof is a function from [`Attack`] to [`Verdict`]. It prints nothing to stdout itself: the
//! dispatch prints one JSON line, and exits 0 only when every proof that ran has passed.
//!
//! Three rules keep a proof honest, and each proof's module says how it follows them:
//!
//! - *The oracle is outside.* What was acknowledged is recorded by another process than the one
//!   that is killed.
//! - *The attack happened.* A run whose faults did not fire, or that wrote nothing, has failed.
//! - *The saboteur is caught.* The proof also runs a variant of the program that is broken on
//!   purpose, and fails unless it notices.
//!
//! To add one: write `prove/NAME.rs` with a `pub(super) fn run(&Attack) -> Result<Verdict>`, and
//! give it a line in [`PROOFS`].

mod attacks;
mod carts_kill;
mod disk;
mod fleet;
mod ingest_kill;
mod job_kill;
mod life;
mod model;
mod poison;
mod powercut;
mod scale;
mod simulation;
mod source_kill;
mod turns;
mod zombie;

use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::book;

/// Every proof there is, in the order in which `--all` runs them.
const PROOFS: &[Proof] = &[
    Proof {
        name: "simulation",
        promise: "Whatever befalls a cluster, each piece of work happens, once, and is counted so.",
        full: 50_000,
        quick: 5_000,
        run: simulation::run,
    },
    Proof {
        name: "batch-count",
        promise: "A job ends when its parts have, whatever became of the notices about them.",
        full: 1_000,
        quick: 1_000,
        run: simulation::notices,
    },
    Proof {
        name: "carts-kill",
        promise: "Jobs that fill one cart at the same time count exactly, whatever is rung and whoever dies.",
        full: 50,
        quick: 6,
        run: carts_kill::run,
    },
    Proof {
        name: "schedule",
        promise: "Each tick of a schedule makes one job, in nights in which clocks are put forward or back, too.",
        full: 2_000,
        quick: 50,
        run: simulation::ticks,
    },
    Proof {
        name: "zombie",
        promise: "A worker that was stopped past its lease completes nothing, counts nothing, writes nothing.",
        full: 100,
        quick: 4,
        run: zombie::run,
    },
    Proof {
        name: "poison",
        promise: "Work that kills its process does not do so for ever, and stands in nobody's way.",
        full: 20,
        quick: 2,
        run: poison::run,
    },
    Proof {
        name: "job-kill",
        promise: "A job whose process is killed over and over does its work once, and counts it exactly at every read.",
        full: 240,
        quick: 24,
        run: job_kill::run,
    },
    Proof {
        name: "scale",
        promise: "What lists, counts and claims cost does not grow with how many jobs there have been.",
        full: 1_000_000,
        quick: 5_000,
        run: scale::run,
    },
    Proof {
        name: "turns",
        promise: "One tenant's work does not wait for another's, however much of that there is.",
        full: 1_000_000,
        quick: 20_000,
        run: turns::run,
    },
    Proof {
        name: "races",
        promise: "Of many who want what one can have, one gets it, and the others leave nothing behind.",
        full: 100,
        quick: 5,
        run: attacks::races,
    },
    Proof {
        name: "idempotency",
        promise: "A request that is sent many times with one key happens once, wherever the server died.",
        full: 50,
        quick: 5,
        run: attacks::idempotency,
    },
    Proof {
        name: "tenancy",
        promise: "What is one tenant's cannot be read, changed or so much as known to be there by another.",
        full: 20,
        quick: 2,
        run: attacks::tenancy,
    },
    Proof {
        name: "jwt",
        promise: "No token is taken but one that a trusted issuer made, for us, and whose time it is; and whoever has \
                  such a one is let in while keys change and the issuer is away.",
        full: 20,
        quick: 5,
        run: attacks::jwt,
    },
    Proof {
        name: "model",
        promise: "One story on memory, SQLite and DynamoDB has the same answers.",
        full: 300,
        quick: 10,
        run: model::run,
    },
    Proof {
        name: "outage",
        promise: "While DynamoDB, SQS or Redis is away callers are told at once, nothing is lost, and it ends by itself.",
        full: 50,
        quick: 6,
        run: fleet::outage,
    },
    Proof {
        name: "roll",
        promise: "Copies are stopped and started anew under load, by SIGTERM and SIGKILL, and nobody notices.",
        full: 12,
        quick: 2,
        run: fleet::roll,
    },
    Proof {
        name: "limits",
        promise: "Copies count requests together: in no minute is more admitted than may be, whoever asks whom.",
        full: 75,
        quick: 10,
        run: fleet::limits,
    },
    Proof {
        name: "powercut",
        promise: "What the embedded store acknowledged survives a power cut.",
        full: 200,
        quick: 12,
        run: powercut::run,
    },
    Proof {
        name: "ingest-kill",
        promise: "What ingest acknowledged survives kill -9, and a run goes on where it was.",
        full: 50,
        quick: 6,
        run: ingest_kill::run,
    },
    Proof {
        name: "source-kill",
        promise: "Measurements that were acknowledged survive kill -9 and power cuts, while they are written and while \
                  they are rolled up, and every window equals a recomputation from the records.",
        full: 40,
        quick: 6,
        run: source_kill::run,
    },
];

/// What `docs/reliability.md` begins with.
const HEAD: &str = "# Reliability

What we promise, each attacked on purpose, and what came of it. Each section is the output of
`cargo xtask prove NAME --write`, with as many attacks as it names; CI makes shorter runs of the same.";

/// A promise and the attack on it.
struct Proof {
    name: &'static str,
    /// What is promised, in a sentence.
    promise: &'static str,
    /// How many attacks a full run makes.
    full: u64,
    /// How many a quick run makes: enough, in some seconds, that a saboteur is caught which needs no build.
    quick: u64,
    run: fn(&Attack) -> Result<Verdict>,
}

/// What a proof is asked to do.
pub(crate) struct Attack {
    /// How many times to attack.
    pub(crate) n: u64,
    /// Everything random in the proof derives from it, so that a failure can be repeated.
    pub(crate) seed: u64,
    /// Whether this is the short run, which skips a saboteur that takes minutes to build.
    pub(crate) quick: bool,
}

/// What a proof found.
pub(crate) struct Verdict {
    /// Whether the promise held, the attack happened and the saboteur was caught.
    pub(crate) passed: bool,
    /// The figures to print: an object.
    pub(crate) figures: Value,
}

/// The arguments of `prove`.
#[derive(Args)]
pub(crate) struct Options {
    /// Which proof to run.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    name: Option<String>,
    /// Run all of them.
    #[arg(long)]
    all: bool,
    /// How many times to attack, instead of the proof's own number. Called `--seeds`, too.
    #[arg(long, alias = "seeds")]
    n: Option<u64>,
    /// Repeat the run that printed this seed.
    #[arg(long)]
    seed: Option<u64>,
    /// The short run that CI makes.
    #[arg(long)]
    quick: bool,
    /// Write what was found into docs/reliability.md.
    #[arg(long, conflicts_with = "quick")]
    write: bool,
}

impl Options {
    /// What CI runs: every proof, briefly.
    pub(crate) fn all_quick() -> Self {
        Self { name: None, all: true, n: None, seed: None, quick: true, write: false }
    }
}

/// Runs the proofs that were asked for.
///
/// # Errors
/// When there is no proof of that name, or one of those that ran did not pass.
pub(crate) fn run(options: &Options) -> Result<()> {
    let chosen: Vec<&Proof> = match &options.name {
        Some(name) => PROOFS.iter().filter(|proof| proof.name == name).collect(),
        None => PROOFS.iter().collect(),
    };
    if chosen.is_empty() {
        let names: Vec<&str> = PROOFS.iter().map(|proof| proof.name).collect();
        bail!("no such proof; there are: {}", names.join(", "));
    }
    let failed: Vec<String> = chosen.into_iter().filter_map(|proof| failure(proof, options)).collect();
    if failed.is_empty() { Ok(()) } else { bail!("not proved:\n{}", failed.join("\n")) }
}

/// Runs one proof and prints its line, which is returned when it has not passed. A proof that could not run
/// has not.
fn failure(proof: &Proof, options: &Options) -> Option<String> {
    let own = if options.quick { proof.quick } else { proof.full };
    let seed = options.seed.unwrap_or_else(fresh_seed);
    let attack = Attack { n: options.n.unwrap_or(own), seed, quick: options.quick };
    eprintln!("prove {}: n {}, seed {}", proof.name, attack.n, attack.seed);
    let begun = Instant::now();
    let verdict = (proof.run)(&attack)
        .unwrap_or_else(|error| Verdict { passed: false, figures: json!({ "error": format!("{error:#}") }) });
    let line = line(proof.name, &attack, &verdict);
    println!("{line}");
    eprintln!("prove {}: {:.1} s", proof.name, begun.elapsed().as_secs_f64());
    if options.write
        && let Err(error) = book::write("reliability.md", HEAD, proof.name, &section(proof, &line))
    {
        return Some(format!("docs/reliability.md: {error:#}"));
    }
    (!verdict.passed).then(|| line.to_string())
}

/// What was found, as a section of `docs/reliability.md`.
fn section(proof: &Proof, line: &Value) -> String {
    let rows = line.as_object().into_iter().flatten().filter(|(name, _)| *name != "proof");
    let rows: String = rows.map(|(name, value)| format!("| {name} | {} |\n", shown(value))).collect();
    format!("## {}\n\n{}\n\n| | |\n|---|---|\n{rows}", proof.name, proof.promise)
}

/// A value for people: an object as its members.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<String> = members.iter().map(|(name, value)| format!("{name} {}", shown(value))).collect();
            members.join(", ")
        }
        Value::Array(values) if values.is_empty() => "none".to_owned(),
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn line(name: &str, attack: &Attack, verdict: &Verdict) -> Value {
    let mut line = json!({ "proof": name, "passed": verdict.passed, "n": attack.n, "seed": attack.seed });
    if let (Some(line), Some(figures)) = (line.as_object_mut(), verdict.figures.as_object()) {
        line.extend(figures.clone());
    }
    line
}

/// A seed from the randomness that the standard library keys its hash maps with.
fn fresh_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0) >> 32
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches as _};

    use super::*;

    #[test]
    fn attacks_are_counted_under_two_names() {
        for name in ["--n", "--seeds"] {
            let command = Options::augment_args(Command::new("prove"));
            let given = command.try_get_matches_from(["prove", "model", name, "256"]).unwrap();
            assert_eq!(Options::from_arg_matches(&given).unwrap().n, Some(256));
        }
    }
}
