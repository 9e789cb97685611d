//! The project's own commands, run as `cargo xtask NAME`.
//!
//! A maintainer and CI type the same words: `.ci/run` is `lint`, then `test`, and nothing else.
//! Each command is one module that reads from top to bottom:
//!
//! 1. [`prove`]: one promise each, attacked on purpose.
//! 2. [`bench`]: what a machine gives.
//!
//! [`process`] runs other programs.
//!
//! This crate depends on none of ours: it has to start when they do not compile. What it needs
//! from them it runs as a program.

mod bench;
mod process;
mod prove;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Attack one promise, or all of them, and print one JSON line for each.
    Prove(prove::Options),
    /// Measure, and print one JSON line for each figure.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Prove(options) => prove::run(&options),
        Command::Bench(options) => bench::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
