//! Single durable writes, next to a server that does nothing and to one that does the same plainly.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::pressure::{Peer, Target, call};
use crate::bench::fastapi::FastApi;
use crate::bench::figure::{Bound, Figure};
use crate::bench::report::Report;
use crate::bench::{Options, median};
use crate::process;
use crate::server::Server;

pub(super) const PATH: &str = "/source/write_raw";
const BODY: &str = r#"{"data":{"temp":21.5,"humid":59.37,"wind":{"speed":3.2,"dir":270},"at":"roof"}}"#;
/// How many connections are tried.
const CONNECTIONS: [usize; 4] = [16, 64, 256, 512];
/// How the peer is run: its handler, and how many processes.
const WAYS: [(&str, usize); 4] = [("sync", 1), ("sync", 2), ("async", 1), ("async", 2)];
const PEER_KEY: &str = "the-peer-has-one-key";

/// A server, and the number of connections at which it answers most.
struct Rival {
    name: String,
    url: String,
    key: String,
    connections: usize,
    rates: Vec<f64>,
    sweep: String,
}

pub(super) fn measure(program: &Path, pressure: &Path, options: &Options) -> Result<Report> {
    let seconds = if options.quick { 1 } else { 5 };
    let server = Server::start(program, &[])?;
    let mut hello = process::command(pressure, "hello");
    hello.env("NO_COLOR", "1");
    let (_hello, line) = Peer::start(hello, "listening")?;
    let url = line.rsplit(' ').next().context("no address")?.to_owned();
    let mut hello = Rival::tried("bare framework", &url, "none", pressure, seconds)?;
    let mut ours = Rival::tried("Freight", &server.url, &server.api_key, pressure, seconds)?;
    let (mut peer, sweeps) = best_peer(pressure, seconds)?;
    for _ in 0..options.rounds() {
        for rival in [&mut hello, &mut ours] {
            rival.again(pressure, seconds)?;
        }
        let (_running, url) = start_peer(&peer.name)?;
        peer.url = url;
        peer.again(pressure, seconds)?;
    }
    let rate = |rival: &Rival| median(rival.rates.clone());
    let figure = |name, what: &str, other: &Rival, bound| Figure {
        name,
        what: format!("single durable writes, next to {what}"),
        value: rate(&ours) / rate(other),
        unit: "x",
        bound: Bound::AtLeast(bound),
        from: format!("{:.0}/s, {} {:.0}/s", rate(&ours), other.name, rate(other)),
    };
    Ok(Report {
        figures: vec![
            figure("write_next_to_hello", "the bare framework's hello", &hello, 0.35),
            figure("write_next_to_fastapi", "FastAPI, pydantic and SQLite", &peer, 15.0),
        ],
        notes: [vec![hello.sweep.clone(), ours.sweep.clone()], sweeps].concat(),
        ..Report::default()
    })
}

impl Rival {
    /// Tries every number of connections, and keeps the best.
    fn tried(name: &str, url: &str, key: &str, pressure: &Path, seconds: u64) -> Result<Self> {
        let mut rival = Self {
            name: name.to_owned(),
            url: url.to_owned(),
            key: key.to_owned(),
            connections: 0,
            rates: Vec::new(),
            sweep: String::new(),
        };
        let (mut best, mut tried) = (0.0, Vec::new());
        for connections in CONNECTIONS {
            rival.connections = connections;
            let called = call(pressure, &rival.target(), connections, seconds)?;
            tried.push((connections, called));
        }
        for (connections, called) in &tried {
            if called.rate > best {
                (best, rival.connections) = (called.rate, *connections);
            }
        }
        let told =
            tried.iter().map(|(connections, it)| format!("{connections} {:.0}/s p99 {:.1} ms", it.rate, it.p99_ms));
        rival.sweep = format!("{name}, connections: {}", told.collect::<Vec<_>>().join(", "));
        Ok(rival)
    }

    fn target(&self) -> Target<'_> {
        Target { url: &self.url, path: PATH, key: &self.key, body: BODY }
    }

    fn again(&mut self, pressure: &Path, seconds: u64) -> Result<()> {
        self.rates.push(call(pressure, &self.target(), self.connections, seconds)?.rate);
        Ok(())
    }
}

/// The peer at the best of its ways, and all of them in words.
fn best_peer(pressure: &Path, seconds: u64) -> Result<(Rival, Vec<String>)> {
    let (mut best, mut best_rate, mut sweeps): (Option<Rival>, f64, Vec<String>) = (None, 0.0, Vec::new());
    for (kind, workers) in WAYS {
        let name = format!("FastAPI {kind} ×{workers}");
        let (_running, url) = start_peer(&name)?;
        let rival = Rival::tried(&name, &url, PEER_KEY, pressure, seconds)?;
        let rate = call(pressure, &rival.target(), rival.connections, seconds)?.rate;
        sweeps.push(rival.sweep.clone());
        if rate > best_rate {
            (best, best_rate) = (Some(rival), rate);
        }
    }
    Ok((best.context("no way of the peer answered")?, sweeps))
}

/// The peer by its name, on an empty database, and where it is.
fn start_peer(name: &str) -> Result<(FastApi, String)> {
    let (kind, workers) = name.trim_start_matches("FastAPI ").split_once(" ×").context("not a way of the peer")?;
    let environment = [("PEER_KEY", PEER_KEY), ("PEER_KIND", kind)];
    let peer = FastApi::start(include_str!("peer.py"), workers, &environment)?;
    let url = peer.url.clone();
    Ok((peer, url))
}
