//! The numbers of source: what a durable measurement costs, and what a long window does.
//!
//! - [`single`]: single writes next to the bare framework, and to FastAPI with pydantic and SQLite.
//! - [`hot`]: what one waits for beside many who write to one series.
//! - [`batches`]: batches of 10,000 next to the bare loop over rusqlite, which writes the same lines.
//! - [`windows`]: the averages of a week, over many records and over few; and how right they are.

mod batches;
mod hot;
pub(super) mod pressure;
mod single;
mod windows;

use anyhow::Result;

use super::Options;
use super::report::Report;

/// Makes the measurement.
///
/// # Errors
/// When a program cannot be built or does not do what is measured.
pub(super) fn run(options: &Options) -> Result<Report> {
    let program = options.program()?;
    let pressure = options.example("freight", "pressure")?;
    let bare = options.example("embedded", "bare")?;
    let mut report = Report { method: include_str!("source/method.md"), ..Report::default() };
    eprintln!("single writes");
    report.add(single::measure(&program, &pressure, options)?);
    eprintln!("a hot series");
    report.add(hot::measure(&program, &pressure, options)?);
    eprintln!("batches");
    report.add(batches::measure(&program, &bare, options)?);
    eprintln!("windows");
    report.add(windows::measure(&program, options)?);
    Ok(report)
}
