//! Who is measured, and at which settings.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::redis::{Redis, Sync};
use crate::bench::Options;
use crate::{process, tools};

/// How many callers of ours have a request under way. The peers have one producer: BullMQ's adds a
/// thousand jobs with each request.
const CLIENTS: &str = "100";

/// Somebody who does work, and how it is started.
pub(super) struct Peer {
    pub(super) name: String,
    /// How many times as much we mean to do.
    pub(super) bound: f64,
    program: PathBuf,
    words: Vec<String>,
    /// The settings of the sweep, each the last words of the command.
    sweep: &'static [&'static str],
    chosen: &'static str,
    /// Whether its first word is a folder of its own.
    in_folder: bool,
}

impl Peer {
    /// The engine.
    pub(super) fn freight(options: &Options) -> Result<Self> {
        Ok(Self {
            name: "Freight".to_owned(),
            bound: 1.0,
            program: options.example("freight", "pace")?,
            words: vec![tasks(options, 100_000), CLIENTS.to_owned()],
            sweep: &["64", "256", "1000"],
            chosen: "",
            in_folder: true,
        })
    }

    /// BullMQ.
    pub(super) fn bullmq(redis: &Redis, options: &Options) -> Result<Self> {
        let home = tools::node_packages("bullmq", &["bullmq@6.7.0", "ioredis@6.0.0"])?;
        // A module finds its packages beside itself.
        let script = home.join("bullmq_peer.mjs");
        std::fs::write(&script, include_str!("bullmq_peer.mjs"))?;
        Ok(Self {
            name: format!("BullMQ {}", told(redis.sync)),
            bound: 3.0,
            program: "node".into(),
            words: vec![path(&script)?, redis.port.to_string(), tasks(options, 30_000)],
            sweep: &["1 50", "1 100", "1 300", "2 100"],
            chosen: "",
            in_folder: false,
        })
    }

    /// Celery.
    pub(super) fn celery(redis: &Redis, options: &Options) -> Result<Self> {
        let home = tools::python_packages("celery", &["celery==5.7.0", "redis==8.1.0", "packaging"])?;
        let script = process::root().join("xtask/src/bench/jobs/celery_peer.py");
        Ok(Self {
            name: format!("Celery {}", told(redis.sync)),
            bound: 40.0,
            program: home.join("bin/python"),
            words: vec![path(&script)?, redis.port.to_string(), tasks(options, 4_000)],
            sweep: &["prefork 2 4", "prefork 2 64", "prefork 4 64", "threads 8 64", "solo 1 64"],
            chosen: "",
            in_folder: false,
        })
    }

    /// Runs it at each setting and keeps to the best; returns what was seen, as a sentence.
    pub(super) fn choose(&mut self) -> Result<String> {
        let mut seen = Vec::new();
        for setting in self.sweep {
            self.chosen = setting;
            let rate = self.run()?["end_to_end_per_s"].as_f64().context("a run without its rate")?;
            seen.push((rate, *setting));
        }
        let best = seen.iter().max_by(|one, other| one.0.total_cmp(&other.0)).context("an empty sweep")?;
        self.chosen = best.1;
        let shown: Vec<String> = seen.iter().map(|(rate, setting)| format!("{setting}: {rate:.0}")).collect();
        Ok(format!("sweep of {}, tasks/s end to end: {}", self.name, shown.join(", ")))
    }

    /// Runs it once at the setting it keeps to.
    pub(super) fn run(&self) -> Result<Value> {
        let folder = tempfile::tempdir()?;
        let mut command = process::command(&self.program, "");
        if self.in_folder {
            command.arg(folder.path());
        }
        command.args(&self.words).args(self.chosen.split(' '));
        let said = process::output(command)?;
        let line: Value = serde_json::from_str(said.trim()).with_context(|| format!("it said {said:?}"))?;
        ensure!(line["end_to_end_per_s"].as_f64().is_some_and(|rate| rate > 0.0), "{} did nothing", self.name);
        Ok(line)
    }
}

fn told(sync: Sync) -> &'static str {
    match sync {
        Sync::Never => "on stock Redis",
        Sync::Always => "on Redis with appendfsync always",
    }
}

fn tasks(options: &Options, full: u64) -> String {
    (if options.quick { full / 10 } else { full }).to_string()
}

fn path(path: &Path) -> Result<String> {
    Ok(path.to_str().context("a path that is not UTF-8")?.to_owned())
}
