//! One life: a cluster, its clients, and everything that befalls them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base::fault::{FaultyStore, Fired, Odds};
use base::memory::{MemoryQueue, MemoryStore};
use base::{Ctx, JobId, Principal, RequestId, Scope, Scopes, Store, TenantId};
use jiff::Timestamp;
use jobs::{Deps, Engine, FixedQuotas, JobStatus, NewJob, NewTask, OnTaken, Settings};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;
use tokio::time::sleep;
use uuid::Uuid;

use crate::bell::{Bell, Manners};
use crate::judge;
use crate::process::{LEASE, Process, Shared, SimClock};
use crate::sabotage::Sabotage;
use crate::ticks::{self, Night};
use crate::work::{self, Piece};

const PROCESSES: usize = 3;

/// What the world of a life is like.
pub(crate) struct Weather {
    /// How the stores of its processes fail.
    pub(crate) odds: Odds,
    /// How its queue rings.
    pub(crate) manners: Manners,
    /// How often an honest engine sweeps.
    pub(crate) sweep: Duration,
}

/// The weather in which anything happens.
const ANYTHING: Weather = Weather {
    odds: Odds {
        delay: 0.2,
        delay_max: Duration::from_millis(300),
        busy: 0.03,
        unavailable: 0.02,
        unknown: 0.03,
        vanished: 0.02,
    },
    manners: Manners { lost: 0.1, doubled: 0.1, copies_max: 1, late: 0.2 },
    sweep: Duration::from_secs(1),
};
/// The same, but each notice comes up to four times, in no order.
const NOTICES: Weather =
    Weather { manners: Manners { lost: 0.1, doubled: 0.75, copies_max: 3, late: 0.75 }, ..ANYTHING };
/// When a life begins that is of no particular day, in seconds since 1970.
const START_S: i64 = 1_767_326_645;
/// How many parts a job has there.
const PARTS: usize = 40;
/// How long everything may take to come to rest once the faults have ceased.
const REST_MAX: Duration = Duration::from_secs(900);
/// How often a client repeats a request whose answer it did not get.
const TRIES: u32 = 3;

/// How often what happened; the names are those that must all have happened in a run of many lives.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Happened(BTreeMap<&'static str, u64>);

impl Happened {
    const ALL: [&str; 23] = [
        "jobs",
        "pieces",
        "effects",
        "dead letters",
        "copies",
        "reads",
        "kills",
        "freezes",
        "stops",
        "cancels",
        "pauses",
        "resumes",
        "retries",
        "requests refused",
        "store delayed",
        "store busy",
        "store unavailable",
        "store reply lost",
        "store request lost",
        "store interrupted",
        "rings lost",
        "rings doubled",
        "rings late",
    ];

    const TICKS: [&str; 10] = [
        "ticks",
        "clocks put forward",
        "clocks put back",
        "kills",
        "freezes",
        "stops",
        "store unavailable",
        "store reply lost",
        "rings lost",
        "rings doubled",
    ];

    pub(crate) fn note(&mut self, what: &'static str, times: u64) {
        *self.0.entry(what).or_default() += times;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|(what, times)| self.note(what, *times));
    }

    /// What did not happen once: a run in which something did not has shown less than it says.
    pub(crate) fn missing(&self, scene: Scene) -> Vec<&'static str> {
        let all: &[&str] = match scene {
            Scene::Anything => &Self::ALL,
            Scene::Notices => &Self::ALL[Self::ALL.len() - 3..],
            Scene::Ticks => &Self::TICKS,
        };
        all.iter().copied().filter(|what| self.0.get(what).is_none_or(|times| *times == 0)).collect()
    }
}

/// A job that a client asked for.
pub(crate) struct Asked {
    pub(crate) tenant: TenantId,
    pub(crate) pieces: Vec<Piece>,
    /// The job, if the client was told of it.
    pub(crate) told: Option<JobId>,
    /// How often somebody had its failed and dropped batches begin anew.
    pub(crate) retried: i64,
}

/// What a life is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    /// Everything that can happen.
    Anything,
    /// One job of forty parts, whose notices are lost, repeated and reordered.
    Notices,
    /// Some hours of schedules.
    Ticks,
}

/// Lives the life of that seed.
///
/// # Errors
/// What was not as it must be.
pub(crate) fn live(scene: Scene, seed: u64, saboteur: Option<Sabotage>) -> Result<Happened, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let start = Timestamp::from_second(START_S).unwrap();
    runtime.block_on(async {
        match scene {
            Scene::Anything => Life::new(&ANYTHING, start, seed, saboteur).lived().await,
            Scene::Notices => Life::new(&NOTICES, start, seed, saboteur).noticed().await,
            Scene::Ticks => {
                let night = Night::of(seed);
                let begins = night.begins(Duration::from_secs(3_600 + seed % 10_000));
                Life::new(&ticks::WEATHER, begins, seed, saboteur).ticked(night).await
            }
        }
    })
}

pub(crate) struct Life {
    weather: &'static Weather,
    pub(crate) dice: StdRng,
    pub(crate) shared: Shared,
    bell: Arc<Bell>,
    processes: Vec<Option<Process>>,
    /// What befell the stores of all processes that ever ran.
    faults: Vec<Arc<FaultyStore>>,
    /// An engine without workers and without faults, to steer and to look with.
    pub(crate) calm: Arc<Engine>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) tenants: [TenantId; 2],
    pub(crate) asked: Vec<Asked>,
    pub(crate) happened: Happened,
}

impl Life {
    fn new(weather: &'static Weather, start: Timestamp, seed: u64, saboteur: Option<Sabotage>) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let clock = SimClock::at(start);
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
        let bell =
            Arc::new(Bell::new(Arc::new(MemoryQueue::new(Arc::new(clock.clone()))), weather.manners, dice.random()));
        let shared = Shared {
            store: saboteur.map_or_else(|| store.clone(), |saboteur| saboteur.store(store.clone())),
            queue: bell.clone(),
            clock: clock.clone(),
            sweep: saboteur.map_or(weather.sweep, |saboteur| saboteur.sweep(weather.sweep)),
        };
        let calm = Engine::new(Deps {
            store: store.clone(),
            queue: bell.clone(),
            clock: Arc::new(clock.clone()),
            registry: work::registry(&clock, &store),
            quotas: Arc::new(FixedQuotas::default()),
            settings: Settings { exclusive: false, seed: Some(dice.random()), ..Settings::default() },
        });
        let tenants = ["one", "two"].map(|name| name.parse().unwrap());
        let mut life = Self {
            weather,
            dice,
            shared,
            bell,
            processes: Vec::new(),
            faults: Vec::new(),
            calm,
            store,
            tenants,
            asked: Vec::new(),
            happened: Happened::default(),
        };
        for _ in 0..PROCESSES {
            let process = life.process(weather.odds);
            life.processes.push(Some(process));
        }
        life
    }

    fn process(&mut self, odds: Odds) -> Process {
        let process = Process::start(&self.shared, self.dice.random(), odds);
        self.faults.push(process.faults.clone());
        process
    }

    async fn lived(mut self) -> Result<Happened, String> {
        for _ in 0..self.dice.random_range(10..40) {
            self.befall().await;
            judge::counts_add_up(&mut self).await?;
            sleep(Duration::from_millis(self.dice.random_range(50..2_500))).await;
        }
        self.calm_down().await;
        self.come_to_rest().await?;
        judge::all_is_well(&mut self).await?;
        Ok(self.happened)
    }

    /// One job is watched from its beginning to its end, and must not end before its parts have.
    async fn noticed(mut self) -> Result<Happened, String> {
        let tenant = self.tenant();
        let pieces: Vec<Piece> = (0..PARTS).map(|n| Piece::plain(&mut self.dice, n.to_string())).collect();
        let ctx = self.ctx(&tenant);
        let new = NewJob::new(work::PIECES, serde_json::to_string(&pieces).unwrap());
        let id = self.calm.job_enqueue(&ctx, new).await.unwrap().job.id;
        self.asked.push(Asked { tenant, pieces, told: Some(id), retried: 0 });
        self.happened.note("jobs", 1);
        let begun = tokio::time::Instant::now();
        while begun.elapsed() < REST_MAX && !judge::ended_in_time(&mut self).await? {
            sleep(Duration::from_millis(100)).await;
        }
        self.calm_down().await;
        self.come_to_rest().await?;
        judge::all_is_well(&mut self).await?;
        Ok(self.happened)
    }

    /// One thing happens.
    async fn befall(&mut self) {
        match self.dice.random_range(0..100) {
            0..25 => self.ask_for_a_job().await,
            25..40 => self.ask_for_a_copy().await,
            40..75 => self.befall_process(),
            75..90 => self.steer().await,
            _ => {}
        }
        self.start_some();
    }

    /// A process is killed, frozen or stopped.
    pub(crate) fn befall_process(&mut self) {
        let at = self.dice.random_range(0..PROCESSES);
        match self.dice.random_range(0..35) {
            0..20 => {
                if let Some(process) = self.processes[at].take() {
                    process.kill();
                    self.happened.note("kills", 1);
                }
            }
            20..30 => {
                let length = LEASE.mul_f64(self.dice.random_range(0.2..3.0));
                if let Some(process) = &self.processes[at] {
                    process.freeze(length);
                    self.happened.note("freezes", 1);
                }
            }
            _ => {
                if let Some(process) = self.processes[at].take() {
                    tokio::spawn(process.stop());
                    self.happened.note("stops", 1);
                }
            }
        }
    }

    /// Some of the processes that do not run are started.
    pub(crate) fn start_some(&mut self) {
        for at in 0..PROCESSES {
            if self.processes[at].is_none() && self.dice.random_bool(0.7) {
                self.processes[at] = Some(self.process(self.weather.odds));
            }
        }
    }

    fn note_faults(&mut self, fired: Fired) {
        self.happened.note("store delayed", fired.delays);
        self.happened.note("store busy", fired.busy);
        self.happened.note("store unavailable", fired.unavailable);
        self.happened.note("store reply lost", fired.unknown);
        self.happened.note("store request lost", fired.vanished);
        self.happened.note("store interrupted", fired.interrupted);
    }

    pub(crate) fn ctx(&mut self, tenant: &TenantId) -> Ctx {
        let scopes = Scopes::default().with(Scope::JobsWrite);
        let (now, seed) = (base::Clock::now(&self.shared.clock), Uuid::from_u128(self.dice.random()));
        Ctx::new(tenant.clone(), Principal::new("key:sim"), scopes, RequestId::random(), now, seed)
    }

    fn tenant(&mut self) -> TenantId {
        self.tenants[self.dice.random_range(0..2)].clone()
    }

    /// The engine of a process that runs, if there is one.
    fn engine(&mut self) -> Option<Arc<Engine>> {
        let running: Vec<_> = self.processes.iter().flatten().map(|process| process.engine.clone()).collect();
        (!running.is_empty()).then(|| running[self.dice.random_range(0..running.len())].clone())
    }

    /// A client asks for a job, again with the same identity if it gets no answer.
    async fn ask_for_a_job(&mut self) {
        let (tenant, number) = (self.tenant(), self.asked.len());
        let count = self.dice.random_range(0..14);
        let pieces: Vec<Piece> = (0..count).map(|n| Piece::drawn(&mut self.dice, format!("{number}.{n}"))).collect();
        let kind = if self.dice.random_bool(0.3) { work::NARROW } else { work::PIECES };
        let ctx = self.ctx(&tenant);
        let mut told = None;
        for _ in 0..TRIES {
            let Some(engine) = self.engine() else { break };
            let new = NewJob::new(kind, serde_json::to_string(&pieces).unwrap());
            match tokio::time::timeout(Duration::from_secs(5), engine.job_enqueue(&ctx, new)).await {
                Ok(Ok(enqueued)) => {
                    told = Some(enqueued.job.id);
                    break;
                }
                _ => self.happened.note("requests refused", 1),
            }
        }
        self.happened.note("jobs", 1);
        self.asked.push(Asked { tenant, pieces, told, retried: 0 });
    }

    /// A client adds to what is copied, and asks for a copy in the same write.
    async fn ask_for_a_copy(&mut self) {
        let tenant = self.tenant();
        let Some(engine) = self.engine() else { return };
        let unique = Some(("copy".to_owned(), OnTaken::Again));
        let new = NewTask { unique, ..NewTask::new(work::COPY, "{}".to_owned()) };
        let asked = engine.task_enqueue(&tenant, new, vec![work::input(&tenant)]);
        match tokio::time::timeout(Duration::from_secs(5), asked).await {
            Ok(Ok(_)) => self.happened.note("copies", 1),
            _ => self.happened.note("requests refused", 1),
        }
    }

    /// An operator cancels, pauses, resumes or retries a job; not every job is in a state for it.
    async fn steer(&mut self) {
        if self.asked.is_empty() {
            return;
        }
        let at = self.dice.random_range(0..self.asked.len());
        let tenant = self.asked[at].tenant.clone();
        let Some(id) = self.asked[at].told else { return };
        let ctx = self.ctx(&tenant);
        let (what, done) = match self.dice.random_range(0..10) {
            0 => ("cancels", self.calm.job_cancel(&ctx, id).await.is_ok()),
            1..4 => ("pauses", self.calm.job_pause(&ctx, id).await.is_ok()),
            4..7 => ("resumes", self.calm.job_resume(&ctx, id).await.is_ok()),
            _ => ("retries", self.calm.job_retry(&ctx, id, true).await.is_ok()),
        };
        self.asked[at].retried += i64::from(done && what == "retries");
        self.happened.note(what, u64::from(done));
    }

    /// From here on nothing fails, and every process runs.
    pub(crate) async fn calm_down(&mut self) {
        self.bell.calm();
        for at in 0..PROCESSES {
            match &self.processes[at] {
                Some(process) => process.faults.set(Odds::default()),
                None => self.processes[at] = Some(self.process(Odds::default())),
            }
        }
        let told: Vec<_> = self.asked.iter().filter_map(|asked| Some((asked.tenant.clone(), asked.told?))).collect();
        for (tenant, id) in told {
            let job = self.calm.job_get(&tenant, id).await.unwrap();
            if job.is_some_and(|job| job.status == JobStatus::Paused) {
                let ctx = self.ctx(&tenant);
                self.calm.job_resume(&ctx, id).await.unwrap();
            }
        }
    }

    async fn come_to_rest(&mut self) -> Result<(), String> {
        let begun = tokio::time::Instant::now();
        loop {
            let unrest = judge::unrest(self).await;
            if unrest.is_empty() {
                break;
            }
            if begun.elapsed() > REST_MAX {
                return Err(format!("stuck: {}", unrest.join("; ")));
            }
            sleep(Duration::from_secs(1)).await;
        }
        self.close();
        Ok(())
    }

    /// Everything is over; what befell it is noted.
    pub(crate) fn close(&mut self) {
        std::mem::take(&mut self.processes).into_iter().flatten().for_each(Process::kill);
        for faults in std::mem::take(&mut self.faults) {
            self.note_faults(faults.fired());
        }
        let mishaps = self.bell.mishaps();
        self.happened.note("rings lost", mishaps.lost);
        self.happened.note("rings doubled", mishaps.doubled);
        self.happened.note("rings late", mishaps.late);
    }
}
