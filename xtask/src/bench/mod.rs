//! Measurements: figures of this machine, each with the bound it should keep and where it came from.
//!
//! A measurement judges nothing else: it exits with 0 and says of each figure whether it held. We
//! and our peers are measured in one run, in turn, so that what else the machine does meets both;
//! a peer is taken at the best of a sweep that is printed. People get a table on stderr, programs
//! one JSON line on stdout, and with `--write` the table becomes a part of `docs/benchmarks.md`.
//!
//! To add one: write `bench/NAME.rs` with a `pub(super) fn run(&Options) -> Result<Report>`, and
//! give it a line in [`BENCHES`].
//!
//! [`figure`]: one figure. [`report`]: all of them, printed. [`machine`]: what was measured on.
//! [`memory`]: how much a process has. [`fastapi`]: peers that are written with it.

mod carts;
mod costs;
mod fastapi;
mod figure;
mod ingest;
mod jobs;
mod machine;
mod memory;
mod report;
mod source;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::process::rest;
use crate::{book, process};

use report::Report;

/// What `docs/benchmarks.md` begins with.
const HEAD: &str = "# Benchmarks

Each section is the output of `cargo xtask bench NAME --write`; to change it, change the program. A bound
that was not kept says NO.";

/// Every measurement there is.
const BENCHES: &[(&str, Bench)] = &[
    ("carts", carts::run),
    ("costs", costs::run),
    ("ingest", ingest::run),
    ("jobs", jobs::run),
    ("source", source::run),
];

/// Makes a measurement.
type Bench = fn(&Options) -> Result<Report>;

/// The arguments of `bench`.
#[derive(Args)]
pub(crate) struct Options {
    /// Which measurement to make.
    name: String,
    /// Measure a tenth, once: enough to see that it works.
    #[arg(long)]
    quick: bool,
    /// How many rows a file has that is imported and exported.
    #[arg(long, value_name = "N")]
    rows: Option<u64>,
    /// How many users a list has.
    #[arg(long, value_name = "N")]
    users: Option<u64>,
    /// Measure what was built there, such as target/release, instead of building.
    #[arg(long, value_name = "FOLDER")]
    built: Option<PathBuf>,
    /// Write docs/benchmarks.md.
    #[arg(long, conflicts_with_all = ["quick", "rows", "users"])]
    write: bool,
}

impl Options {
    /// How often what is compared is measured: the median counts.
    fn rounds(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }

    /// The server.
    fn program(&self) -> Result<PathBuf> {
        self.built
            .as_ref()
            .map_or_else(crate::server::release, |folder| Ok(std::path::absolute(folder)?.join("freight")))
    }

    /// An example of a crate.
    fn example(&self, package: &str, name: &str) -> Result<PathBuf> {
        match &self.built {
            Some(folder) => Ok(std::path::absolute(folder)?.join("examples").join(name)),
            None => process::built(&format!("--release --locked --package {package} --example {name}")),
        }
    }

    fn rows(&self) -> u64 {
        self.rows.unwrap_or(if self.quick { 20_000 } else { 200_000 })
    }

    fn users(&self) -> u64 {
        self.users.unwrap_or(if self.quick { 100_000 } else { 1_000_000 })
    }
}

/// Makes the measurement that was asked for, and prints it.
///
/// # Errors
/// When there is none of that name, or it could not be made.
pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "how much memory a process has is asked in the way of Linux");
    let (name, bench) = BENCHES.iter().find(|(name, _)| *name == options.name).with_context(|| {
        let names: Vec<&str> = BENCHES.iter().map(|(name, _)| *name).collect();
        format!("no such measurement; there are: {}", names.join(", "))
    })?;
    let machine = machine::describe();
    let report = bench(options)?;
    eprintln!("\n{}", report.table(&machine));
    println!("{}", report.json(name, &machine));
    if options.write {
        book::write("benchmarks.md", HEAD, name, &report.section(name, &machine))?;
    }
    Ok(())
}

/// The one in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_does_not_mind_an_outlier() {
        assert_eq!(median(vec![100.0, 1.0, 2.0]), 2.0);
        assert!(median(Vec::new()).is_nan());
    }
}
