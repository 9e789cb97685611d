//! A list of checks that all run, whatever one of them finds.
//!
//! Who fixes a tree wants to see everything that is wrong with it in one go.

use std::time::Instant;

use anyhow::{Result, bail};

/// One check: a name for the summary, and what to do.
pub(crate) type Step<'a> = (&'static str, Box<dyn Fn() -> Result<()> + 'a>);

/// Runs every step, says how long each took, and ends with what failed.
///
/// # Errors
/// When a step failed; the error names all that did.
pub(crate) fn run_all(steps: &[Step<'_>]) -> Result<()> {
    let mut failed = Vec::new();
    let mut summary = Vec::new();
    for (name, step) in steps {
        eprintln!("\n── {name}");
        let start = Instant::now();
        let outcome = step();
        let seconds = start.elapsed().as_secs_f64();
        let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
        summary.push(format!("{verdict:>6} {seconds:>7.1} s  {name}"));
        if let Err(error) = outcome {
            eprintln!("{name}: {error:#}");
            failed.push(*name);
        }
    }
    eprintln!("\n{}", summary.join("\n"));
    if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
}
