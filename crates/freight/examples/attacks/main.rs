//! Attacks on a whole server in this process: what `cargo xtask prove` judges, one promise each.
//!
//! `attacks races|idempotency|tenancy|jwt N SEED [broken]` composes the server as the program does, on a
//! SQLite file, and calls its HTTP interface. It prints one JSON line, whose `wrong` names the first
//! things that were not as they must be, and exits with 1 when there are any. A `broken` server stands
//! on a store that behaves as that of a program with a well-known mistake would.
//!
//! 1. [`ledger`]: the store's own book of what is in it. [`rig`]: a server to attack.
//! 2. [`races`]: many want what one can have. [`idempotency`]: many send the same. [`tenancy`]: one
//!    tenant wants what is another's. [`jwt`]: strangers show tokens.

#![expect(clippy::unwrap_used, clippy::panic, reason = "who started it sees why it ended")]

mod idempotency;
mod jwt;
mod ledger;
mod races;
mod rig;
mod tenancy;

use serde_json::{Value, json};

/// So many faults are named; more say nothing new.
const NAMED: usize = 5;
/// And so much of each.
const NAMED_CHARS_MAX: usize = 500;

/// What an attack found.
struct Found {
    /// What happened, in figures.
    figures: Value,
    /// What was not as it must be.
    wrong: Vec<String>,
}

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let usage = || panic!("attacks races|idempotency|tenancy|jwt N SEED [broken]");
    let [attack, n, seed, rest @ ..] = words.as_slice() else { usage() };
    let (n, seed): (u64, u64) = (n.parse().unwrap(), seed.parse().unwrap());
    let broken = rest == ["broken"];
    let Found { figures, mut wrong } = match attack.as_str() {
        "races" => races::run(n, broken).await,
        "idempotency" => idempotency::run(n, seed, broken).await,
        "tenancy" => tenancy::run(n, seed, broken).await,
        "jwt" => jwt::run(n, broken).await,
        _ => usage(),
    };
    let count = wrong.len();
    wrong.truncate(NAMED);
    wrong.iter_mut().for_each(|what| *what = what.chars().take(NAMED_CHARS_MAX).collect());
    println!("{}", json!({ "figures": figures, "wrong": count, "named": wrong }));
    std::process::exit(i32::from(count > 0));
}
