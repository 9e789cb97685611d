//! What those wait who write to one series, while very many write to another.

use std::path::Path;

use anyhow::{Result, anyhow};

use super::pressure::{Called, Target, call};
use super::single::PATH;
use crate::bench::figure::{Bound, Figure};
use crate::bench::report::Report;
use crate::bench::{Options, median};
use crate::server::Server;

/// So many write, each over a connection, beside the one whose waiting is measured.
const NEIGHBOURS: usize = 63;

pub(super) fn measure(program: &Path, pressure: &Path, options: &Options) -> Result<Report> {
    let seconds = if options.quick { 1 } else { 10 };
    let server = Server::start(program, &[])?;
    let (mut beside_hot, mut beside_many) = (Vec::new(), Vec::new());
    let (mut of_hot, mut of_many) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds() {
        for (series, waits, rates) in [("hot", &mut beside_hot, &mut of_hot), ("of-@", &mut beside_many, &mut of_many)]
        {
            let [one, neighbours] = at_once(pressure, &server, series, seconds)?;
            waits.push(one.p99_ms);
            rates.push(neighbours.rate);
        }
    }
    let (hot, many) = (median(beside_hot), median(beside_many));
    let (of_hot, of_many) = (median(of_hot), median(of_many));
    Ok(Report {
        figures: vec![Figure {
            name: "write_beside_hot_series",
            what: format!(
                "p99 of a write beside {NEIGHBOURS} callers who write to one other series, next to as many who write \
                 to one each"
            ),
            value: hot / many,
            unit: "x",
            bound: Bound::AtMost(1.5),
            from: format!("{hot:.1} ms beside {of_hot:.0} writes/s, {many:.1} ms beside {of_many:.0}/s"),
        }],
        ..Report::default()
    })
}

/// One who writes to a series of its own, and its neighbours, who write to `series`.
fn at_once(pressure: &Path, server: &Server, series: &str, seconds: u64) -> Result<[Called; 2]> {
    let writes = |series: &str, connections| {
        let body = format!(r#"{{"name":"{series}","data":{{"temp":21.5}}}}"#);
        let target = Target { url: &server.url, path: PATH, key: &server.api_key, body: &body };
        call(pressure, &target, connections, seconds)
    };
    std::thread::scope(|scope| {
        let neighbours = scope.spawn(|| writes(series, NEIGHBOURS));
        let one = writes("quiet", 1);
        let neighbours = neighbours.join().map_err(|_| anyhow!("the callers of {series} panicked"))?;
        Ok([one?, neighbours?])
    })
}
