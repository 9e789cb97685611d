//! A list of checks that all run, whatever one of them finds.
//!
//! Who fixes a tree wants to see everything that is wrong with it in one go.

use std::time::Instant;

use anyhow::{Result, bail, ensure};
use clap::Args;

/// One check: a name for the summary, and what to do.
pub(crate) type Step<'a> = (&'static str, Box<dyn Fn() -> Result<()> + 'a>);

/// Which of the checks to run.
#[derive(Args)]
pub(crate) struct Selection {
    /// Run one part only.
    #[arg(long, value_name = "PART")]
    only: Option<String>,
}

/// Runs every step that is selected, and says at the end how long each took, and why one failed: of a long
/// output often only the end is kept.
///
/// # Errors
/// When a step failed; the error names all that did. When there is none of the name asked for.
pub(crate) fn run_all(steps: &[Step<'_>], selection: &Selection) -> Result<()> {
    let selected = |name: &str| selection.only.as_deref().is_none_or(|only| only == name);
    let names: Vec<&str> = steps.iter().map(|(name, _)| *name).collect();
    ensure!(names.iter().any(|name| selected(name)), "no such part; there are: {}", names.join(", "));
    let mut failed = Vec::new();
    let mut summary = Vec::new();
    for (name, step) in steps.iter().filter(|(name, _)| selected(name)) {
        eprintln!("\n── {name}");
        let start = Instant::now();
        let outcome = step();
        let seconds = start.elapsed().as_secs_f64();
        let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
        summary.push(format!("{verdict:>6} {seconds:>7.1} s  {name}"));
        if let Err(error) = outcome {
            eprintln!("{name}: {error:#}");
            summary.push(format!("{error:#}"));
            failed.push(*name);
        }
    }
    eprintln!("\n{}", summary.join("\n"));
    if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
}
