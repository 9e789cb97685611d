//! The one test command.
//!
//! It says what it runs and what it installs, and skips nothing silently:
//!
//! 1. every test of the workspace, through cargo-nextest where it is installed, and the doctests;
//! 2. every quick proof ([`crate::prove`]);
//! 3. [`tour`]: the README's own commands, verbatim, against the release build;
//! 4. [`pages`]: what a person does on the page that shows the API, in a browser;
//! 5. [`real_data`]: files that nobody here wrote, in over HTTP and out again;
//! 6. [`contract`]: thousands of generated requests against a running server;
//! 7. [`dist`]: the archive that is handed to others, whose program runs.

mod contract;
mod pages;
mod real_data;
mod totals;
mod tour;

use anyhow::{Result, ensure};

use crate::steps::{self, Selection, Step};
use crate::{dist, process, prove, tools};

use totals::Totals;

/// Runs every part that is selected.
///
/// # Errors
/// When a part failed.
pub(crate) fn run(selection: &Selection) -> Result<()> {
    let steps: [Step<'_>; 7] = [
        ("tests", Box::new(tests)),
        ("proofs", Box::new(|| prove::run(&prove::Options::all_quick()))),
        ("tour", Box::new(tour::run)),
        ("pages", Box::new(pages::run)),
        ("real-data", Box::new(real_data::run)),
        ("contract", Box::new(contract::run)),
        ("dist", Box::new(|| dist::run(&dist::Options::default()))),
    ];
    steps::run_all(&steps, selection)
}

/// Every test, even after one has failed, and at the end how many there were.
fn tests() -> Result<()> {
    tools::for_tests()?;
    let commands: &[&str] = if process::works(process::cargo("nextest --version")) {
        &["nextest run --workspace --locked --no-fail-fast", "test --workspace --locked --no-fail-fast --doc"]
    } else {
        eprintln!("cargo-nextest is not installed: using `cargo test`");
        &["test --workspace --locked --no-fail-fast"]
    };
    let mut totals = Totals::default();
    let mut failed = Vec::new();
    for words in commands {
        if let Err(error) = process::watch(process::cargo(words), |line| totals.read(line)) {
            failed.push(error.to_string());
        }
    }
    eprintln!("\n{totals}");
    failed.extend(totals.failures);
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    ensure!(totals.passed > 0, "no test ran");
    Ok(())
}
