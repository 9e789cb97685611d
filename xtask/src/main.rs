//! The project's own commands, run as `cargo xtask NAME`.
//!
//! A maintainer and CI type the same words: `.ci/run` is `lint`, then `test`, and nothing else.
//! Each command is one module that reads from top to bottom:
//!
//! 1. [`tidy`]: the rules of the tree that a compiler does not know.
//! 2. [`lint`]: formatting, clippy, rustdoc, tidy, licences, a fresh `openapi.json`.
//! 3. [`mod@test`]: every test, every quick proof, the README's own commands, a fuzzed contract.
//! 4. [`prove`]: one promise each, attacked on purpose.
//! 5. [`mod@bench`]: what a machine gives.
//! 6. [`openapi`], [`deploy`]: write the document and the template that `lint` compares.
//! 7. [`dist`]: packs the program for others.
//!
//! [`steps`] runs a list of checks to its end, [`process`] runs other programs, [`server`] is a
//! running Freight, [`http`] calls it, [`book`] writes pages that are output, [`tools`] installs what is missing below `target/`.
//!
//! This crate depends on none of ours: it has to start when they do not compile. What it needs
//! from them it runs as a program.

mod bench;
mod book;
mod deploy;
mod dist;
mod http;
mod lint;
mod openapi;
mod process;
mod prove;
mod server;
mod stand_in;
mod steps;
mod test;
mod tidy;
mod tools;

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
    /// Check the rules of the tree that no compiler knows.
    Tidy,
    /// Check formatting, lints, documentation, tidy, licences and the OpenAPI document.
    Lint(steps::Selection),
    /// Run every test, every quick proof, the README's commands and the fuzzed contract.
    Test(steps::Selection),
    /// Attack one promise, or all of them, and print one JSON line for each.
    Prove(prove::Options),
    /// Measure, and print one JSON line for each figure.
    Bench(bench::Options),
    /// Write `openapi.json`.
    Openapi,
    /// Write the declared tables and queues into `deploy/freight.yaml`.
    Deploy,
    /// Pack the release build: an archive and a Containerfile, or the zip of a Lambda function.
    Dist(dist::Options),
    /// Install what tests start by themselves, so that `cargo test` finds it.
    Tools,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Tidy => tidy::run(),
        Command::Lint(selection) => lint::run(&selection),
        Command::Test(selection) => test::run(&selection),
        Command::Prove(options) => prove::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Openapi => openapi::write(),
        Command::Deploy => deploy::write(),
        Command::Dist(options) => dist::run(&options),
        Command::Tools => tools::for_tests(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
