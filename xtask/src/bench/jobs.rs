//! The numbers of the engine: what durable work costs, next to what people use today.
//!
//! The actors are `crates/freight/examples/pace.rs`, the engine on the embedded store in a process of
//! its own; BullMQ and Celery on a Redis that this starts for them, once as it comes (it syncs nothing),
//! and once with `appendfsync always`, which is what makes their acknowledgements as durable as ours.
//! Each is measured at every setting of its sweep once, and then at its best setting as often as
//! the others, in turn.
//!
//! - [`peers`]: how each of them is run, and at which settings.
//! - [`redis`]: the server that the peers need.

mod peers;
mod redis;

use anyhow::Result;
use serde_json::Value;

use super::figure::{Bound, Figure};
use super::report::Report;
use super::{Options, median};

use peers::Peer;
use redis::{Redis, Sync};

/// Makes the measurement.
///
/// # Errors
/// When something cannot be installed, started or measured.
pub(super) fn run(options: &Options) -> Result<Report> {
    let fast = Redis::start(Sync::Never)?;
    let safe = Redis::start(Sync::Always)?;
    let mut peers = [
        Peer::freight(options)?,
        Peer::bullmq(&fast, options)?,
        Peer::bullmq(&safe, options)?,
        Peer::celery(&fast, options)?,
        Peer::celery(&safe, options)?,
    ];
    let mut report = Report { method: include_str!("jobs/method.md"), ..Report::default() };
    for peer in &mut peers {
        eprintln!("{}", peer.name);
        report.notes.push(peer.choose()?);
    }
    let mut runs = peers.each_ref().map(|_| Vec::new());
    for round in 0..options.rounds() {
        eprintln!("round {}", round + 1);
        for (peer, runs) in peers.iter().zip(&mut runs) {
            runs.push(peer.run()?);
        }
    }
    let [ours, others @ ..] = &runs;
    let names = ["bullmq", "bullmq_always", "celery", "celery_always"];
    for ((peer, theirs), name) in peers[1..].iter().zip(others).zip(names) {
        report.figures.push(end_to_end(name, peer, ours, theirs));
        report.notes.push(enqueues(peer, ours, theirs));
    }
    let ms = |path: &str| middle(ours, path) / 1e3;
    report.figures.push(Figure {
        name: "pickup_idle_ms",
        what: "pickup when idle, p50".to_owned(),
        value: ms("/idle_us/0"),
        unit: "ms",
        bound: Bound::AtMost(1.0),
        from: format!("p99 {:.2} ms", ms("/idle_us/1")),
    });
    report.figures.push(Figure {
        name: "jobs_share",
        what: "50 jobs of 10 tenants, by their work alone".to_owned(),
        value: middle(ours, "/jobs_share"),
        unit: "x",
        bound: Bound::AtMost(1.3),
        from: "40 batches of 200 ms each".to_owned(),
    });
    report.notes.push(format!(
        "Freight: pickup under the load of the end-to-end run p50 {:.2} ms, p99 {:.2} ms; a batch that does nothing {:.3} ms",
        ms("/loaded_us/0"),
        ms("/loaded_us/1"),
        ms("/batch_us")
    ));
    Ok(report)
}

fn end_to_end(name: &'static str, peer: &Peer, ours: &[Value], theirs: &[Value]) -> Figure {
    let (ours, theirs) = (middle(ours, "/end_to_end_per_s"), middle(theirs, "/end_to_end_per_s"));
    Figure {
        name,
        what: format!("tasks end to end, next to {}", peer.name),
        value: ours / theirs,
        unit: "x",
        bound: Bound::AtLeast(peer.bound),
        from: format!("{ours:.0} tasks/s, the peer {theirs:.0} tasks/s"),
    }
}

fn enqueues(peer: &Peer, ours: &[Value], theirs: &[Value]) -> String {
    let (mine, other) = (middle(ours, "/enqueue_per_s"), middle(theirs, "/enqueue_per_s"));
    let waits = [0, 1].map(|at| middle(theirs, &format!("/idle_us/{at}")) / 1e3);
    format!(
        "{}: {other:.0} enqueues/s, ours {mine:.0}; pickup when idle p50 {:.2} ms, p99 {:.2} ms",
        peer.name, waits[0], waits[1]
    )
}

fn middle(runs: &[Value], path: &str) -> f64 {
    median(runs.iter().filter_map(|run| run.pointer(path)?.as_f64()).collect())
}
