//! Measurements: one JSON line for each figure, with what the machine was.
//!
//! To add one: write `bench/NAME.rs` with a `pub(super) fn run(&Options) -> Result<()>`, and give
//! it a line in [`BENCHES`].

use anyhow::{Context, Result};
use clap::Args;

/// Every measurement there is.
const BENCHES: &[(&str, Bench)] = &[];

/// Makes a measurement and prints it.
type Bench = fn(&Options) -> Result<()>;

/// The arguments of `bench`.
#[derive(Args)]
pub(crate) struct Options {
    /// Which measurement to make.
    name: String,
}

/// Makes the measurement that was asked for.
///
/// # Errors
/// When there is none of that name, or it could not be made.
pub(crate) fn run(options: &Options) -> Result<()> {
    let (_, bench) = BENCHES.iter().find(|(name, _)| *name == options.name).with_context(|| {
        let names: Vec<&str> = BENCHES.iter().map(|(name, _)| *name).collect();
        format!("no such measurement; there are: {}", names.join(", "))
    })?;
    bench(options)
}
