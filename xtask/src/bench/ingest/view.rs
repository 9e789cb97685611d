//! How much memory a list of all takes, while it is streamed.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::rows::Users;
use super::{import, start, unlimited};
use crate::bench::figure::{Bound, Figure};
use crate::bench::report::Report;
use crate::bench::{Options, memory, rest};
use crate::server::Server;

/// So many users are imported at a time: 70 MB.
const PART: u64 = 50_000;
/// How long the server is left alone before its memory is looked at.
const REST: Duration = Duration::from_secs(2);

pub(super) fn measure(program: &Path, users: &Users, options: &Options) -> Result<Report> {
    let count = options.users();
    let mut server = Server::start(program, &[])?;
    let mut client = unlimited(&server)?;
    // Brackets, and each user with the comma or bracket behind it.
    let mut expected = 1;
    for first in (0..count).step_by(usize::try_from(PART)?) {
        let ids = first..count.min(first + PART);
        let part = users.ndjson(ids.clone());
        expected += part.len() as u64;
        import(&mut client, "users", "application/x-ndjson", &part, ids.end - ids.start)?;
    }
    server.kill()?;
    server.restart()?;
    start::ready(&server)?;
    rest(REST);
    let mut client = unlimited(&server)?;
    memory::forget_peak(server.pid())?;
    let before = memory::resident_mib(server.pid())?;
    let begun = Instant::now();
    let mut list = Length(0);
    client.send("GET", "/view-data", "", &[])?;
    let status = client.receive_into(&mut list)?;
    let seconds = begun.elapsed().as_secs_f64();
    let peak = memory::peak_mib(server.pid())?;
    ensure!(status == 200 && list.0 == expected, "{} bytes instead of {expected}, status {status}", list.0);
    let growth = Figure {
        name: "view_growth_mib",
        what: format!("memory of /view-data of {count} users"),
        value: peak - before,
        unit: "MiB",
        bound: Bound::AtMost(32.0),
        from: format!(
            "{before:.0} MiB before, {peak:.0} MiB at most, {:.0} MB in {seconds:.1} s",
            expected as f64 / 1e6
        ),
    };
    Ok(Report { figures: vec![growth], ..Report::default() })
}

/// Counts what it is given.
struct Length(u64);

impl Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
