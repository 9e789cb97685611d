//! Workers: who hears rings, claims tasks and runs them.
//!
//! One loop for each topic hears rings and starts a run for each claim that succeeds, as long as
//! there are permits; the high-priority loop hears many rings at a time, the low-priority one few.
//! One loop sweeps. A run is guarded by a heartbeat that extends its lease and tells it when its
//! job no longer wants it. A task suspected of killing its process takes all permits, so that it
//! runs alone. Between two of those everybody else has as long as the one before took.

use std::sync::Arc;
use std::time::Duration;

use base::queue::{Heard, Ring, Topic};
use base::store::StoreError;
use base::{JobId, TaskId};
use futures::FutureExt as _;
use std::panic::AssertUnwindSafe;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::claim::{Claim, Company, DEATHS_ALONE_MAX};
use crate::engine::lock;
use crate::model::{Class, Done, Failure};
use crate::rows::task::{Part, topic_name};
use crate::{Engine, Priority, Run};

/// How long one wait for rings lasts.
const LISTEN: Duration = Duration::from_secs(5);

/// How often what waits is counted for the gauges: each tenant's due items are looked at.
const GAUGE_EVERY: Duration = Duration::from_secs(60);

/// Between two tasks that run alone others have at most so long to begin.
const BETWEEN_MAX: Duration = Duration::from_secs(10);

/// After an error of queue or store a loop rests this long.
const REST: Duration = Duration::from_millis(500);

/// The workers of this process.
#[derive(Debug)]
pub struct Workers {
    listening: CancellationToken,
    running: CancellationToken,
    loops: JoinSet<()>,
    permits: Arc<Semaphore>,
    concurrency: u32,
    engine: Arc<Engine>,
}

impl Engine {
    /// Starts hearing, sweeping and running.
    pub fn workers_start(self: &Arc<Self>) -> Workers {
        let crew = Crew::new(self);
        let mut loops = JoinSet::new();
        for priority in Priority::ALL {
            loops.spawn(crew.clone().listen(*priority));
        }
        loops.spawn(crew.clone().sweep());
        Workers {
            listening: crew.listening,
            running: crew.running,
            loops,
            permits: crew.permits,
            concurrency: crew.all,
            engine: self.clone(),
        }
    }
}

impl Drop for Workers {
    /// Workers that are dropped claim nothing any more; what runs goes on.
    fn drop(&mut self) {
        self.listening.cancel();
    }
}

impl Workers {
    /// Stops claiming, lets what runs finish within `grace`, and has the rest handed back.
    /// Returns whether everything had finished in time.
    pub async fn stop(mut self, grace: Duration) -> bool {
        self.listening.cancel();
        while self.loops.join_next().await.is_some() {}
        let clock = self.engine.clock.clone();
        let in_time = tokio::select! {
            biased;
            all = self.permits.acquire_many(self.concurrency) => all.is_ok(),
            () = clock.sleep(grace) => false,
        };
        if !in_time {
            self.running.cancel();
            tokio::select! {
                biased;
                all = self.permits.acquire_many(self.concurrency) => drop(all),
                () = clock.sleep(Duration::from_secs(3)) => {}
            }
        }
        in_time
    }
}

/// That a task is being claimed or run by this process; while it lasts nobody else here does so.
struct Running {
    engine: Arc<Engine>,
    task: TaskId,
    left: bool,
}

impl Running {
    /// `None` when the task is being claimed or run here already.
    fn enter(engine: &Arc<Engine>, task: TaskId) -> Option<Self> {
        let mut running = lock(&engine.running);
        if running.contains_key(&task) {
            return None;
        }
        running.insert(task, None);
        Some(Self { engine: engine.clone(), task, left: false })
    }

    fn works_for(&self, job: Option<JobId>) {
        lock(&self.engine.running).insert(self.task, job);
    }

    /// Leaves, and says whether no other task of the job runs here: in one step, so that of two
    /// that leave together one is the last.
    fn leave_as_last_of(mut self, job: Option<JobId>) -> bool {
        self.left = true;
        let mut running = lock(&self.engine.running);
        running.remove(&self.task);
        job.is_some() && !running.values().any(|other| *other == job)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.left {
            lock(&self.engine.running).remove(&self.task);
        }
    }
}

/// What a ring led to.
pub(crate) enum Heeded {
    /// Nobody needs to ring again: the task ended, waits until it is due, or is somebody else's.
    Over,
    /// It is to ring again after this.
    Again(Duration),
    /// This kind's concurrency is used up.
    Full(String),
    /// No work is started any more, or what was is handed back.
    Stopped,
}

/// Who runs tasks, and how many at a time.
#[derive(Clone)]
pub(crate) struct Crew {
    engine: Arc<Engine>,
    permits: Arc<Semaphore>,
    all: u32,
    /// Whose turn it is of those that run alone, and how long the one before took.
    alone: Arc<tokio::sync::Mutex<Duration>>,
    /// Cancelled when no more work is to be started.
    pub(crate) listening: CancellationToken,
    /// Cancelled when what runs is to be handed back.
    pub(crate) running: CancellationToken,
}

impl Crew {
    pub(crate) fn new(engine: &Arc<Engine>) -> Self {
        let concurrency = engine.settings.concurrency.clamp(1, 1_024);
        Self {
            engine: engine.clone(),
            permits: Arc::new(Semaphore::new(concurrency)),
            all: u32::try_from(concurrency).unwrap_or(1),
            alone: Arc::default(),
            listening: CancellationToken::new(),
            running: CancellationToken::new(),
        }
    }

    async fn listen(self, priority: Priority) {
        let topic = Topic::new(topic_name(priority));
        let share = match priority {
            Priority::High => self.all as usize,
            Priority::Normal => (self.all as usize / 2).max(1),
            Priority::Low => (self.all as usize / 16).max(1),
        };
        while !self.listening.is_cancelled() {
            // Permits are taken once there is something to do with them: one that was held while
            // listening would be missing to the other topics.
            let room = self.permits.available_permits().clamp(1, share);
            let heard = tokio::select! {
                biased;
                heard = self.engine.queue.receive(&topic, room, LISTEN) => heard,
                () = self.listening.cancelled() => return,
            };
            match heard {
                Ok(rings) => {
                    for ring in rings {
                        let Some(permit) = self.permits(1).await else { return };
                        tokio::spawn(self.clone().answer(topic.clone(), ring, permit));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot hear rings");
                    self.engine.clock.sleep(REST).await;
                }
            }
        }
    }

    /// So many permits; `None` once no more work is to be started.
    pub(crate) async fn permits(&self, many: u32) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            biased;
            () = self.listening.cancelled() => None,
            permits = self.permits.clone().acquire_many_owned(many) => permits.ok(),
        }
    }

    /// Answers one ring: what it leads to, and whether it is to ring again.
    async fn answer(self, topic: Topic, heard: Heard, permit: OwnedSemaphorePermit) {
        let Heard { ring, receipt } = heard;
        let decided = self.done(&topic, receipt);
        let delay = match self.heed(&ring, permit, decided).await {
            Heeded::Over | Heeded::Stopped => return,
            Heeded::Full(kind) => return self.engine.wait_for_room(&ring.group, kind, ring.task),
            Heeded::Again(delay) => delay,
        };
        if let Err(error) = self.engine.ring_again(&topic, ring, delay).await {
            metrics::counter!("freight_rings_lost_total").increment(1);
            tracing::debug!(%error, "a ring was lost");
        }
    }

    /// Decides one ring's claim, and runs the task if it is ours. `decided` is awaited as soon as nothing
    /// depends on the ring any more.
    pub(crate) async fn heed(
        &self,
        ring: &Ring,
        mut permit: OwnedSemaphorePermit,
        decided: impl Future<Output = ()>,
    ) -> Heeded {
        let Some(running) = Running::enter(&self.engine, ring.task) else {
            decided.await;
            return Heeded::Over;
        };
        let mut claim = self.engine.claim(&ring.group, ring.task, Company::Others).await;
        decided.await;
        let mut turn = None;
        if let Ok(Claim::Suspect) = claim {
            // Only once its own permit is back are all permits to be had.
            drop(permit);
            let took = self.alone.lock().await;
            tokio::select! {
                biased;
                () = self.listening.cancelled() => return Heeded::Stopped,
                () = self.engine.clock.sleep((*took).min(BETWEEN_MAX)) => {}
            }
            let Some(all) = self.permits(self.all).await else { return Heeded::Stopped };
            turn = Some((took, self.engine.clock.monotonic()));
            permit = all;
            claim = self.engine.claim(&ring.group, ring.task, Company::Alone).await;
        }
        let heeded = match claim {
            Ok(Claim::Taken(run)) => match self.take(Arc::from(run), running).await {
                true => Heeded::Over,
                false => Heeded::Stopped,
            },
            Ok(Claim::Left | Claim::Suspect) => Heeded::Over,
            Ok(Claim::Early(delay)) => Heeded::Again(delay),
            Ok(Claim::Saturated(kind)) => Heeded::Full(kind),
            Err(error) => {
                tracing::warn!(%error, task = %ring.task, "cannot claim");
                Heeded::Again(REST)
            }
        };
        drop(permit);
        if let Some((mut took, since)) = turn {
            *took = self.engine.clock.monotonic().saturating_sub(since);
        }
        heeded
    }

    async fn done(&self, topic: &Topic, receipt: base::queue::Receipt) {
        if let Err(error) = self.engine.queue.done(topic, vec![receipt]).await {
            tracing::debug!(%error, "a ring will be heard again");
        }
    }

    /// Runs the task; says whether it was let come to an end.
    async fn take(&self, run: Arc<Run>, running: Running) -> bool {
        running.works_for(run.job());
        let ended = self.guarded(&run).await;
        let last_of_job = running.leave_as_last_of(run.job());
        self.engine.room_made_by(&run).await;
        let told = match run.part {
            Part::Planner(_) => self.engine.planner_look_back(&run).await,
            Part::Batch(..) if last_of_job => self.engine.ring_if_ended(&run).await,
            Part::Batch(..) | Part::Plain => Ok(()),
        };
        if let Err(error) = told {
            tracing::debug!(%error, "the planner will look by itself");
        }
        ended
    }

    /// Runs the task to its end, whatever that is; `false` when it was cut short by the stop.
    async fn guarded(&self, run: &Arc<Run>) -> bool {
        let started = self.engine.clock.monotonic();
        let (kind, due) = {
            let row = lock(&run.row);
            (row.kind.clone(), row.due)
        };
        let waited = self.engine.clock.now().duration_since(due).as_secs_f64().max(0.0);
        metrics::histogram!("freight_task_wait_seconds", "kind" => kind.clone()).record(waited);
        let killer = lock(&run.row).deaths_alone >= DEATHS_ALONE_MAX;
        let work = AssertUnwindSafe(self.work(run)).catch_unwind();
        let result = tokio::select! {
            biased;
            result = work, if !killer => result.unwrap_or_else(|_| Err(Failure::transient("the run panicked"))),
            () = self.running.cancelled() => Err(Failure::new(Class::Abandoned, "the process stops")),
            () = run.cancelled().cancelled() => Err(Failure::new(Class::Abandoned, "the job does not want it any more")),
            () = std::future::ready(()), if killer => {
                Err(Failure::permanent(format!("the worker died {DEATHS_ALONE_MAX} times while this task ran alone")))
            }
        };
        let outcome = match &result {
            Ok(_) => "done",
            Err(failure) if failure.class == Class::Abandoned => "abandoned",
            Err(_) => "failed",
        };
        let took = self.engine.clock.monotonic().saturating_sub(started);
        metrics::histogram!("freight_task_run_seconds", "kind" => kind.clone()).record(took.as_secs_f64());
        metrics::counter!("freight_tasks_total", "kind" => kind, "outcome" => outcome).increment(1);
        let ended = match result {
            // A planner ends its own lease.
            Ok(_) if matches!(run.part, Part::Planner(_)) => Ok(()),
            other => self.engine.finish(run, other).await,
        };
        if let Err(error) = ended {
            tracing::warn!(%error, task = %run.task(), "a run's end was not written; its lease will run out");
        }
        outcome != "abandoned" || !self.running.is_cancelled()
    }

    async fn work(&self, run: &Arc<Run>) -> Result<Done, Failure> {
        run.attach(&self.engine);
        tokio::select! {
            biased;
            result = self.perform(run) => result,
            failure = self.heartbeat(run) => Err(failure),
        }
    }

    async fn perform(&self, run: &Run) -> Result<Done, Failure> {
        let kind = lock(&run.row).kind.clone();
        let engine = &self.engine;
        match run.part {
            Part::Planner(_) => engine.plan(run).await.map(|()| Done::default()),
            Part::Batch(..) => match engine.registry.jobs.get(kind.as_str()) {
                Some(kind) => kind.batch(run).await,
                None => Err(Failure::permanent("this kind of job is not known here")),
            },
            Part::Plain => match engine.registry.tasks.get(kind.as_str()) {
                Some(kind) => kind.run(run).await,
                None => Err(Failure::permanent("this kind of task is not known here")),
            },
        }
    }

    /// Keeps the lease; returns only when the run should end.
    async fn heartbeat(&self, run: &Run) -> Failure {
        let engine = &self.engine;
        let lease = engine.settings.lease;
        let mut extended = engine.clock.monotonic();
        loop {
            engine.clock.sleep(engine.settings.heartbeat.min(lease / 3)).await;
            // Who follows the job's log sees a line a heartbeat after it was logged.
            if let Err(failure) = run.flush_lines().await {
                tracing::debug!(reason = failure.reason, "log lines wait for the next heartbeat");
            }
            if !matches!(engine.is_wanted(run).await, Ok(true) | Err(_)) {
                return Failure::new(Class::Abandoned, "the job was cancelled");
            }
            let since = engine.clock.monotonic().saturating_sub(extended);
            if since < lease / 3 {
                continue;
            }
            match engine.extend(run).await {
                Ok(()) => extended = engine.clock.monotonic(),
                Err(StoreError::Failed(_)) => {
                    return Failure::new(Class::Abandoned, "the lease was lost");
                }
                Err(_) if since < lease * 2 / 3 => {}
                Err(error) => {
                    return Failure::new(Class::Abandoned, format!("the lease could not be kept: {error}"));
                }
            }
        }
    }

    async fn sweep(self) {
        let mut gauged = None;
        while !self.listening.is_cancelled() {
            let now = self.engine.clock.monotonic();
            if gauged.is_none_or(|at| at + GAUGE_EVERY <= now) {
                gauged = Some(now);
                if let Err(error) = self.engine.queue_gauge().await {
                    tracing::debug!(%error, "cannot count what waits");
                }
            }
            let more = self.engine.sweep().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "cannot sweep");
                false
            });
            let pause = if more { self.engine.settings.sweep / 10 } else { self.engine.settings.sweep };
            tokio::select! {
                biased;
                () = self.engine.clock.sleep(pause) => {}
                () = self.listening.cancelled() => return,
            }
        }
    }
}

impl Engine {
    /// Has a ring ring again, in time or as late as rings can.
    ///
    /// # Errors
    /// `Unavailable`; the sweep will find the task.
    pub(crate) async fn ring_again(&self, topic: &Topic, ring: Ring, delay: Duration) -> base::Result<()> {
        let ring = Ring { delay: delay.min(base::queue::DELAY_MAX), ..ring };
        self.queue.send(topic, vec![ring]).await
    }

    /// Rings the planner when its job's batches have all ended.
    async fn ring_if_ended(&self, run: &Run) -> Result<(), StoreError> {
        let Some(job) = run.job() else { return Ok(()) };
        if self.job_counts(run.tenant(), job).await?.all_batches_ended() {
            let priority = lock(&run.row).priority;
            self.ring(run.tenant(), priority, [(TaskId::new(job.uuid()), Duration::ZERO)]).await;
        }
        Ok(())
    }
}
