//! Freight: a data API server in one binary. Everything is in the library, so that tests can
//! compose what the program composes.

use std::process::ExitCode;

use freight::config::Environment;

/// Many small allocations on many threads are what a server does all day.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Read before there is a second thread.
    let environment = Environment::of_process();
    freight::cli::main(std::env::args_os(), environment)
}
