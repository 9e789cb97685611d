//! How soon a server is ready on an empty file, and what it takes when nobody calls.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::bench::figure::{Bound, Figure};
use crate::bench::report::Report;
use crate::bench::{Options, median, memory, rest};
use crate::http::Client;
use crate::server::Server;

const READY_MAX: Duration = Duration::from_secs(60);
/// Between two questions whether it is ready.
const PATIENCE: Duration = Duration::from_millis(1);
/// How long it is left alone before its memory is looked at.
const REST: Duration = Duration::from_secs(5);

pub(super) fn measure(program: &Path, options: &Options) -> Result<Report> {
    let starts = if options.quick { 3 } else { 9 };
    let mut took_ms = Vec::new();
    for _ in 0..starts {
        let begun = Instant::now();
        let server = Server::start(program, &[])?;
        ready(&server)?;
        took_ms.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let longest = took_ms.iter().copied().fold(0.0, f64::max);
    let start = Figure {
        name: "start_ms",
        what: "start to ready, empty file".to_owned(),
        value: median(took_ms),
        unit: "ms",
        bound: Bound::AtMost(300.0),
        from: format!("median of {starts}; the longest took {longest:.0} ms"),
    };
    let server = Server::start(program, &[])?;
    ready(&server)?;
    rest(REST);
    let idle = Figure {
        name: "idle_mib",
        what: "idle memory".to_owned(),
        value: memory::resident_mib(server.pid())?,
        unit: "MiB",
        bound: Bound::AtMost(64.0),
        from: format!("{REST:?} after it was ready"),
    };
    Ok(Report { figures: vec![start, idle], ..Report::default() })
}

/// Waits until a server says that it is ready.
pub(super) fn ready(server: &Server) -> Result<()> {
    let begun = Instant::now();
    let mut client = Client::new(&server.url, None);
    while client.get("/readyz")?.status != 200 {
        ensure!(begun.elapsed() < READY_MAX, "it does not get ready");
        rest(PATIENCE);
    }
    Ok(())
}
