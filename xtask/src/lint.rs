//! Everything that can be judged without running the program, and the document it serves.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::steps::{self, Selection, Step};
use crate::{deploy, openapi, process, tidy, tools};

/// Runs every check that is selected.
///
/// # Errors
/// When one of them found something.
pub(crate) fn run(selection: &Selection) -> Result<()> {
    let steps: [Step<'_>; 8] = [
        ("rustfmt", Box::new(|| process::run(process::cargo("fmt --all -- --check")))),
        ("tidy", Box::new(tidy::run)),
        ("clippy", Box::new(|| clippy(""))),
        // What only the proofs and the conformance suites compile.
        ("clippy-features", Box::new(|| clippy("--all-features"))),
        ("rustdoc", Box::new(rustdoc)),
        ("deny", Box::new(deny)),
        ("openapi", Box::new(openapi::check)),
        ("deploy", Box::new(deploy::check)),
    ];
    steps::run_all(&steps, selection)
}

fn clippy(features: &str) -> Result<()> {
    process::run(process::cargo(&format!(
        "clippy --workspace --all-targets --locked --quiet {features} -- -D warnings"
    )))
}

fn rustdoc() -> Result<()> {
    let mut doc = process::cargo("doc --workspace --all-features --no-deps --locked --quiet");
    doc.env("RUSTDOCFLAGS", "-D warnings");
    process::run(doc)
}

fn deny() -> Result<()> {
    let program = tools::cargo_deny()?;
    process::run(process::command(&program, "--all-features check --hide-inclusion-graph bans licenses sources"))?;
    advisories(process::command(&program, "--all-features check --hide-inclusion-graph advisories"))
}

/// Advisories live in a database that is fetched; where it cannot be reached we say so, and what
/// was not checked has not failed.
fn advisories(mut check: Command) -> Result<()> {
    let output = check.env("GIT_TERMINAL_PROMPT", "0").output().context("cannot start cargo-deny")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        eprintln!("{}", said.trim());
    } else if said.contains("failed to fetch advisory database") {
        eprintln!("advisories NOT checked: their database cannot be reached from here");
    } else {
        bail!("advisories:\n{said}");
    }
    Ok(())
}
