//! Reading a resource: from the cache, else from the store, else computed.
//!
//! | what is there | inline | queued |
//! |---|---|---|
//! | cached and fresh | it | it |
//! | stored and fresh | it; cached from now on | the same |
//! | stored and stale | it; computed anew behind it | it, and the job that computes it anew |
//! | nothing, or nothing that will do | computed while the caller waits | the job; who prefers to wait gets what it computes |
//! | who computes it fails | the last good one for a while, else that failure | the same |
//! | the store is away | what is cached for a while, else computed and not stored | what is cached for a while, else that failure |
//!
//! Fresh is what its resource and the caller's [`Demand`] call so.

use std::sync::Arc;
use std::time::Duration;

use base::cache::CacheKey;
use base::kept::{Demand, Origin, Trouble};
use base::{Cache, Clock, Ctx, Error, ErrorKind, JobId, Kept, Principal, Result, Store, TenantId};
use jiff::Timestamp;
use jobs::{Engine, NewJob};
use serde_json::json;

use crate::answer::{Answer, Remark};
use crate::flights::{Flight, Flights};
use crate::resource::produced;
use crate::store::{Failed, Shelf, Stored};
use crate::{Producer, Resource, Spec, Subject, guess};

/// How often it is looked again when what was seen has changed meanwhile.
const LOOKS_MAX: usize = 4;

/// What readers stand on, besides the engine.
#[derive(Clone)]
pub struct Deps {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// Guesses.
    pub cache: Arc<dyn Cache>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where what is stale is computed anew.
    pub behind: Behind,
}

/// Where what is stale is computed anew while the caller has the old answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behind {
    /// In this process.
    #[default]
    Here,
    /// By a job: nothing of this process runs on after an answer.
    Queued,
}

/// What a caller asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// Of the age of the answer.
    pub demand: Demand,
    /// How long they would wait for a job.
    pub wait: Duration,
}

/// What a caller gets.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// An answer.
    Kept(Kept),
    /// That there is no such thing.
    Absent,
    /// That a job computes it.
    Queued(JobId),
}

/// Reads one resource.
pub struct Reader {
    deps: Deps,
    engine: Arc<Engine>,
    resource: Arc<dyn Resource>,
    shelf: Shelf,
    computing: Flights<Landed>,
    /// Jobs being made. `None` = what is stored is another by now.
    asking: Flights<Option<JobId>>,
}

/// What was computed, and whether it could not be stored.
#[derive(Clone)]
struct Landed {
    answer: Answer,
    trouble: Option<Trouble>,
}

impl Reader {
    /// A reader of `resource`, whose kind `engine` knows (see [`register`](crate::register)).
    pub fn new(deps: Deps, engine: Arc<Engine>, resource: Arc<dyn Resource>) -> Self {
        Self {
            shelf: Shelf::new(deps.store.clone()),
            computing: Flights::new(deps.clock.clone()),
            asking: Flights::new(deps.clock.clone()),
            deps,
            engine,
            resource,
        }
    }

    /// The answer about `subject` that is kept for `tenant`, who need not be the caller's.
    ///
    /// # Errors
    /// What computing it fails with, when nothing is left to give out; `Timeout` when nothing may be
    /// computed and nothing is kept; otherwise what the store says.
    pub async fn read(&self, ctx: &Ctx, tenant: &TenantId, subject: &Subject, asked: Asked) -> Result<Outcome> {
        let about = guess::key(tenant, self.resource.spec(), subject);
        Read { reader: self, ctx, tenant, subject, about, asked }.outcome().await
    }

    /// Waits for what is computed and asked for: to be called before the process stops.
    pub async fn settle(&self) {
        self.computing.settle().await;
        self.asking.settle().await;
    }
}

/// One read.
struct Read<'a> {
    reader: &'a Reader,
    ctx: &'a Ctx,
    tenant: &'a TenantId,
    subject: &'a Subject,
    about: CacheKey,
    asked: Asked,
}

impl Read<'_> {
    async fn outcome(&self) -> Result<Outcome> {
        let guessed = guess::get(&*self.reader.deps.cache, &self.about).await;
        if let Some(answer) = guessed.as_ref().filter(|answer| self.is_fresh(answer)) {
            return Ok(self.told(answer, Origin::Cache, Remark::default()));
        }
        for _ in 0..LOOKS_MAX {
            let seen = match self.look().await {
                Ok(seen) => seen,
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    return self.without_store(guessed, error).await;
                }
                Err(error) => return Err(error),
            };
            if let Some(outcome) = self.of_stored(seen).await? {
                return Ok(outcome);
            }
        }
        Err(Error::unavailable("an answer was replaced too often while it was read"))
    }

    async fn look(&self) -> Result<Stored> {
        Ok(self.reader.shelf.look(self.tenant, self.spec(), self.subject).await?)
    }

    /// `None` when something else is stored by now.
    async fn of_stored(&self, seen: Stored) -> Result<Option<Outcome>> {
        if let Some(answer) = seen.answer.as_ref().filter(|answer| self.is_fresh(answer)) {
            guess::put(&*self.reader.deps.cache, &self.about, answer, self.spec()).await;
            return Ok(Some(self.told(answer, Origin::Store, Remark::default())));
        }
        let stale = seen.answer.clone().filter(|answer| self.may_be_stale(answer));
        if self.asked.demand.only_kept {
            let stale = stale.ok_or_else(nothing_kept)?;
            return Ok(Some(self.told(&stale, Origin::Store, Remark::default())));
        }
        let behind = stale.is_some() && self.reader.deps.behind == Behind::Queued;
        match self.spec().producer {
            Producer::Inline if !behind => self.inline(seen, stale).await.map(Some),
            Producer::Inline | Producer::Queued => self.queued(seen, stale).await,
        }
    }

    async fn inline(&self, seen: Stored, stale: Option<Answer>) -> Result<Outcome> {
        let last = seen.answer.clone();
        let (flight, joined) = match (self.compute(seen), &stale) {
            (Ok(flight), _) => flight,
            // There is no room to compute it anew now.
            (Err(_), Some(stale)) => return Ok(self.told(stale, Origin::Store, Remark::default())),
            (Err(error), None) => return self.last_good(last, Origin::Store, None, error),
        };
        let landed = match (stale, flight.peek()) {
            // It is computed behind this answer.
            (Some(stale), None) => return Ok(self.told(&stale, Origin::Store, Remark::default())),
            (_, Some(landed)) => landed.clone(),
            (None, None) => flight.await,
        };
        match landed {
            Ok(Landed { answer, trouble }) => {
                let origin = if joined { Origin::Joined } else { Origin::Computed };
                Ok(self.told(&answer, origin, Remark { trouble, refresh: None }))
            }
            Err(error) => self.last_good(last, Origin::Store, Some(Trouble::Producer), error),
        }
    }

    /// Has it computed in this process, unless it is already.
    fn compute(&self, seen: Stored) -> Result<(Flight<Landed>, bool)> {
        let (deps, resource, shelf) =
            (self.reader.deps.clone(), self.reader.resource.clone(), self.reader.shelf.clone());
        let (tenant, subject, about) = (self.tenant.clone(), self.subject.clone(), self.about.clone());
        self.reader.computing.join(&self.about, || async move {
            let (spec, at) = (resource.spec(), deps.clock.now());
            let text = tokio::select! {
                text = produced(&*resource, &subject, at) => text,
                () = deps.clock.sleep(spec.within) => Err(too_slow()),
            };
            // Whoever asks may be given the last good answer instead: then nobody else tells of it.
            let text = text.inspect_err(|error| {
                tracing::warn!(%error, resource = spec.name, ?subject, "an answer was not computed");
            })?;
            let answer = Answer::new(text, at, seen.answer.as_ref());
            let landed = match shelf.keep(&tenant, spec, &subject, (answer, seen)).await {
                Ok(answer) => Landed { answer, trouble: None },
                Err((answer, error)) => {
                    tracing::warn!(%error, resource = spec.name, "an answer was not stored");
                    Landed { answer, trouble: Some(Trouble::Store) }
                }
            };
            guess::put(&*deps.cache, &about, &landed.answer, spec).await;
            Ok(landed)
        })
    }

    /// `None` when something else is stored by now.
    async fn queued(&self, seen: Stored, stale: Option<Answer>) -> Result<Option<Outcome>> {
        let now = self.now();
        if let Some(failed) = seen.failed.filter(|failed| failed.until > now) {
            let error = job_failed(failed, now);
            return self.last_good(seen.answer, Origin::Store, Some(Trouble::Producer), error).map(Some);
        }
        let asked = match (self.ask(&seen), &stale) {
            (Ok((flight, _)), _) => flight.await,
            // There is no room to ask for it now.
            (Err(_), Some(stale)) => return Ok(Some(self.told(stale, Origin::Store, Remark::default()))),
            (Err(error), None) => return self.last_good(seen.answer, Origin::Store, None, error).map(Some),
        };
        match (asked, stale) {
            (Ok(None), _) => Ok(None),
            (Ok(refresh), Some(stale)) => Ok(Some(self.told(&stale, Origin::Store, Remark { refresh, trouble: None }))),
            (Ok(Some(job)), None) => self.wait(job, seen.answer).await.map(Some),
            (Err(error), _) if error.kind() == ErrorKind::Unavailable => {
                self.last_good(seen.answer, Origin::Store, Some(Trouble::Store), error).map(Some)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Makes a job, if what was seen is still what is stored, or joins the one that is under way.
    fn ask(&self, seen: &Stored) -> Result<(Flight<Option<JobId>>, bool)> {
        let spec = self.spec();
        // What was seen is part of it: of an answer that was stored since, another job may be made.
        let about = CacheKey::new(&[self.about.as_str(), &format!("{:?}", seen.unchanged)]);
        let (engine, mut ctx) = (self.reader.engine.clone(), self.ctx.clone());
        // It is nobody's own: whoever asks next gets what it computes.
        ctx.tenant = self.tenant.clone();
        ctx.principal = Principal::new("system");
        let params = serde_json::to_string(self.subject).map_err(Error::internal)?;
        let new = NewJob {
            unique: Some(self.about.as_str().to_owned()),
            details: json!({ "subject": self.subject }),
            writes: Shelf::checks(self.tenant, spec, self.subject, seen),
            ..NewJob::new(spec.name, params)
        };
        self.reader.asking.join(&about, || async move {
            match engine.job_enqueue(&ctx, new).await {
                Ok(enqueued) => Ok(Some(enqueued.job.id)),
                Err(error) if error.kind() == ErrorKind::Conflict => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    /// Waits for a job as long as the caller would, to whom what is stored would not do.
    async fn wait(&self, id: JobId, stored: Option<Answer>) -> Result<Outcome> {
        let queued = Ok(Outcome::Queued(id));
        if self.asked.wait.is_zero() {
            return queued;
        }
        // It is durable: what keeps us from seeing its end is no failure.
        match self.reader.engine.job_wait(self.tenant, id, self.asked.wait).await {
            Ok(Some(job)) if job.settled => {}
            Ok(_) | Err(_) => return queued,
        }
        let Ok(seen) = self.look().await else { return queued };
        if let Some(failed) = seen.failed.filter(|failed| failed.job == id) {
            let error = job_failed(failed, self.now());
            return self.last_good(seen.answer, Origin::Store, Some(Trouble::Producer), error);
        }
        let before = stored.map(|stored| stored.stamp);
        match seen.answer.filter(|answer| Some(answer.stamp) != before) {
            Some(answer) => Ok(self.told(&answer, Origin::Computed, Remark::default())),
            // It was cancelled.
            None => queued,
        }
    }

    async fn without_store(&self, guessed: Option<Answer>, error: Error) -> Result<Outcome> {
        let inline = self.spec().producer == Producer::Inline && !self.asked.demand.only_kept;
        match self.last_good(guessed, Origin::Cache, Some(Trouble::Store), error) {
            Err(_) if inline => {
                let seen = Stored { answer: None, unchanged: base::store::When::Absent, failed: None };
                self.inline(seen, None).await
            }
            outcome => outcome,
        }
    }

    /// The last good answer, if it will do although it could not be computed anew.
    fn last_good(
        &self,
        last: Option<Answer>,
        origin: Origin,
        trouble: Option<Trouble>,
        error: Error,
    ) -> Result<Outcome> {
        let admits = |answer: &Answer| {
            let stale_for = answer.freshness(self.spec()).stale_for(self.now());
            self.asked.demand.stale_max.is_none_or(|most| stale_for <= most)
        };
        let last = last.filter(|answer| answer.will_do(self.spec(), self.now()) && admits(answer)).ok_or(error)?;
        Ok(self.told(&last, origin, Remark { trouble, refresh: None }))
    }

    fn told(&self, answer: &Answer, origin: Origin, Remark { refresh, trouble }: Remark) -> Outcome {
        match answer.kept(self.spec(), origin, self.now()) {
            Some(kept) => Outcome::Kept(Kept { refresh, trouble, ..kept }),
            None => Outcome::Absent,
        }
    }

    fn is_fresh(&self, answer: &Answer) -> bool {
        let freshness = answer.freshness(self.spec());
        !freshness.is_stale(self.now()) && self.asked.demand.admits(freshness, self.now())
    }

    /// Whether a stale answer may be given out while it is computed anew.
    fn may_be_stale(&self, answer: &Answer) -> bool {
        let freshness = answer.freshness(self.spec());
        answer.text.is_some()
            && freshness.stale_for(self.now()) <= self.spec().while_refreshed
            && self.asked.demand.admits(freshness, self.now())
    }

    fn spec(&self) -> &Spec {
        self.reader.resource.spec()
    }

    fn now(&self) -> Timestamp {
        self.reader.deps.clock.now()
    }
}

fn nothing_kept() -> Error {
    Error::new(ErrorKind::Timeout, "Nothing is kept that is new enough, and only-if-cached forbids computing it")
}

fn too_slow() -> Error {
    Error::new(ErrorKind::Timeout, "It took too long to compute this")
}

fn job_failed(Failed { job, until }: Failed, now: Timestamp) -> Error {
    let again = Duration::try_from(until.duration_since(now)).unwrap_or_default();
    let text = format!("It could not be computed: job {job} failed. It can be tried again in {} s.", again.as_secs());
    Error::new(ErrorKind::Unavailable, text).with_retry_after(again)
}
