//! What the proof stands on: a server on a disk that forgets, and writers that do not.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::{Value, json};

use super::super::disk::{self, Random};
use super::judge::{self, Findings};
use super::writer::{Acked, SERIES, Shared, Writer};
use crate::http::Client;
use crate::server::Server;

const WRITERS: u64 = 4;
/// So often is written once more when everything was rolled up before all kills were made.
const MORE_WRITES: u64 = 500;
/// So often is written once more before what is there is judged: few enough to be found dirty.
const LAST_WRITES: u64 = 20;
/// How long it is written between two kills, at least and at most.
const WRITING_MS_LEAST: u64 = 200;
const WRITING_MS_MORE: u64 = 600;
/// How long a roller may need to begin, and to end.
const ROLLING_MAX: Duration = Duration::from_secs(480);
/// How long after a roller was seen at work the kill comes, at most.
const DELAY_US_MAX: u64 = 30_000;
/// Between two looks.
const BREATH: Duration = Duration::from_millis(3);

/// Which kills there were.
#[derive(Default)]
pub(super) struct Kills {
    pub(super) writing: u64,
    /// How many of those came while a write was under way.
    pub(super) in_flight: u64,
    pub(super) rolling: u64,
    /// How many lost what was not synced.
    pub(super) cuts: u64,
}

/// A server under load.
pub(super) struct Rig {
    server: Server,
    client: Client,
    data: PathBuf,
    shadow: PathBuf,
    writers: Vec<(Arc<Shared>, JoinHandle<Result<Acked>>)>,
    /// One that writes when nobody is killed.
    undisturbed: Writer,
    acked: Acked,
}

impl Rig {
    /// Starts everything on an empty store.
    pub(super) fn start(program: &Path, shim: &Path, random: &mut Random) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let root = directory.path().canonicalize()?;
        let (data, shadow) = (root.join("data"), root.join("shadow"));
        std::fs::create_dir(&data)?;
        std::fs::create_dir(&shadow)?;
        let environment = [
            ("FREIGHT_STORE_URI".to_owned(), "sqlite:data/freight.db".to_owned()),
            ("LD_PRELOAD".to_owned(), shim.display().to_string()),
            ("FILE_SHIM_DATA".to_owned(), data.display().to_string()),
            ("FILE_SHIM_SHADOW".to_owned(), shadow.display().to_string()),
        ];
        let environment: Vec<(&str, &str)> =
            environment.iter().map(|(name, it)| (name.as_str(), it.as_str())).collect();
        let server = Server::start_in(directory, program, &environment)?;
        let mut client = Client::new(&server.url, Some(&server.api_key));
        let rates = json!({ "settings": { "rate_limits": { "control": ["1000000/minute"] } } });
        client.json("PATCH", "/api/v1/tenants/default", &rates)?.expect(200)?;
        let mut writer = |number| {
            let client = Client::new(&server.url, Some(&server.api_key));
            Writer::new(number, client, Random::new(random.next()))
        };
        let undisturbed = writer(WRITERS);
        let started = (0..WRITERS).map(|number| {
            let (writer, shared) = (writer(number), Arc::new(Shared::default()));
            let its = shared.clone();
            (shared, std::thread::spawn(move || writer.run(&its)))
        });
        let writers = started.collect();
        Ok(Self { server, client, data, shadow, writers, undisturbed, acked: Acked::new() })
    }

    /// Writes so often, and each time is answered.
    fn write_more(&mut self, times: u64) -> Result<()> {
        self.undisturbed.client = Client::new(&self.server.url, Some(&self.server.api_key));
        for _ in 0..times {
            ensure!(self.undisturbed.write()?, "a write was refused that nothing disturbed");
        }
        Ok(())
    }

    /// Lets the writers write, kills the server under them so many times, and has them stop.
    pub(super) fn write(&mut self, times: u64, kills: &mut Kills, random: &mut Random) -> Result<()> {
        for _ in 0..times {
            let writing = Duration::from_millis(WRITING_MS_LEAST + random.below(WRITING_MS_MORE));
            let until = Instant::now() + writing;
            while Instant::now() < until {
                std::thread::park_timeout(BREATH);
            }
            let under_way = self.writers.iter().any(|(shared, _)| shared.under_way.load(Ordering::SeqCst));
            kills.in_flight += u64::from(under_way);
            kills.writing += 1;
            self.kill(kills, random)?;
        }
        for (shared, _) in &self.writers {
            shared.stop.store(true, Ordering::SeqCst);
        }
        for (_, thread) in self.writers.drain(..) {
            self.acked.extend(thread.join().map_err(|_| anyhow!("a writer panicked"))??);
        }
        Ok(())
    }

    /// Kills the server while a roller is at work, so many times.
    pub(super) fn roll(&mut self, times: u64, kills: &mut Kills, random: &mut Random) -> Result<()> {
        let deadline = Instant::now() + ROLLING_MAX;
        for _ in 0..times {
            let mut before = self.dirty()?;
            if before == 0 {
                self.write_more(MORE_WRITES)?;
                before = self.dirty()?;
            }
            while self.dirty()? >= before {
                ensure!(Instant::now() < deadline, "no roller came: {before} minutes are dirty");
                std::thread::park_timeout(BREATH);
            }
            disk::pause(Duration::from_micros(random.below(DELAY_US_MAX)));
            kills.rolling += 1;
            self.kill(kills, random)?;
        }
        Ok(())
    }

    /// How many minutes are dirty, of all series.
    fn dirty(&mut self) -> Result<u64> {
        let mut dirty = 0;
        for series in SERIES {
            let path = format!("/source/series/{series}/window?from=0&readings=none&stats=n");
            let window: Value = self.client.get(&path)?.json(200)?;
            dirty += window["dirty_minutes"].as_u64().context("no number of dirty minutes")?;
        }
        Ok(dirty)
    }

    /// Ends the process, every other time with what it had not synced, and starts it again.
    fn kill(&mut self, kills: &mut Kills, random: &mut Random) -> Result<()> {
        self.server.kill()?;
        if (kills.writing + kills.rolling).is_multiple_of(2) {
            kills.cuts += 1;
            if random.below(2) == 0 {
                disk::mix(&self.data, &self.shadow, random)?;
            }
            std::fs::remove_dir_all(&self.data)?;
            std::fs::rename(&self.shadow, &self.data)?;
        } else {
            std::fs::remove_dir_all(&self.shadow)?;
        }
        disk::copy(&self.data, &self.shadow)?;
        self.server.restart()?;
        self.client = Client::new(&self.server.url, Some(&self.server.api_key));
        Ok(())
    }

    /// Judges what is there now, some of it just written, and again when no minute is dirty.
    pub(super) fn judge(mut self, random: &mut Random) -> Result<Findings> {
        self.write_more(LAST_WRITES)?;
        self.acked.extend(self.undisturbed.forget());
        let mut found = Findings { acked: self.acked.len() as u64, ..Findings::default() };
        judge::everything(&mut self.client, &self.acked, random, &mut found)?;
        let deadline = Instant::now() + ROLLING_MAX;
        while self.dirty()? > 0 {
            ensure!(Instant::now() < deadline, "some minutes stay dirty");
            std::thread::park_timeout(Duration::from_millis(200));
        }
        let dirty = found.dirty;
        judge::everything(&mut self.client, &self.acked, random, &mut found)?;
        found.check(found.dirty == dirty, || "minutes are dirty again".to_owned());
        Ok(found)
    }
}
