//! The program, broken on purpose: `xtask prove` must catch what the features `sabotage` break.
//!
//! An example, so that the broken program never stands where the good one is looked for.

use std::process::ExitCode;

use freight::config::Environment;

fn main() -> ExitCode {
    let environment = Environment::of_process();
    freight::cli::main(std::env::args_os(), environment)
}
