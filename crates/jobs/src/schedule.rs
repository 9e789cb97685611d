//! Schedules: a task that makes its next self.
//!
//! A schedule is an item, and a plain task (unique by the schedule's name and the tick) that is due at
//! the next tick. When the task runs it enqueues the job of its tick, whose identity derives from the
//! schedule and the tick, so that a task that runs twice makes one job; then it moves the schedule
//! on and arms the task of the next tick. Ticks that were missed while nothing ran fire once, late.
//!
//! An interval keeps its beat: a tick that fires late delays none after it. Cron times are of the
//! clock on the wall. Where that is put forward, a time it skips ticks at once; where it is put back,
//! a time it shows twice ticks the first time. A field of wildcards or steps follows the clock: it
//! skips what is skipped and ticks twice in what comes twice.

use std::str::FromStr as _;
use std::sync::Weak;
use std::time::Duration;

use async_trait::async_trait;
use base::ctx::derived_uuid;
use base::key;
use base::store::{Body, Item, Key, Query, StoreError, When, Write};
use base::{Ctx, Error, Principal, RequestId, Result, Scopes, StoreExt as _, TenantId};
use croner::Cron;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::enqueue::{Enqueued, NewJob, NewTask, OnTaken};
use crate::model::{Class, Done, Failure};
use crate::rows::{self, SCHEDULES};
use crate::{Engine, Run, TaskKind};

/// The kind of the task behind every schedule.
pub(crate) const TICK: &str = "jobs.tick";

/// How soon a tick that could not fire is tried again.
const TICK_AGAIN: Duration = Duration::from_secs(60);

/// The shortest interval.
pub const EVERY_MIN: Duration = Duration::from_secs(30);

/// A schedule to be made or changed.
#[derive(Clone, Debug)]
pub struct NewSchedule {
    /// Its name, unique in the tenant; 1 to 100 characters.
    pub name: String,
    /// `every 30s` (s, m, h, d; at least 30 s) or five cron fields, optionally followed by a time
    /// zone: `0 6 * * 1-5 Europe/London`.
    pub when: String,
    /// Which kind of job.
    pub kind: &'static str,
    /// What to do, as JSON text.
    pub params: String,
    /// The unique key of its jobs: a tick that finds one open joins it.
    pub unique: Option<String>,
}

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// When.
    pub when: String,
    /// Which kind of job.
    pub kind: String,
    /// What to do, as JSON text.
    pub params: String,
    /// The unique key of its jobs.
    pub unique: Option<String>,
    /// Whether it is held.
    pub paused: bool,
    /// The next tick.
    pub next_at: Timestamp,
    /// The last tick that fired.
    pub last_at: Option<Timestamp>,
}

/// When a schedule ticks.
#[derive(Debug)]
enum Rhythm {
    Every(Duration),
    Cron(Box<Cron>, TimeZone),
}

impl Rhythm {
    fn parse(text: &str) -> Result<Self> {
        if let Some(every) = text.strip_prefix("every ") {
            let every = parse_every(every.trim()).filter(|every| *every >= EVERY_MIN);
            let wrong = || Error::invalid("when", "An interval is written `every 30s` (s, m, h or d), at least 30 s");
            return every.map(Self::Every).ok_or_else(wrong);
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        let wrong = |what: &str| {
            let allowed = "Allowed are `every 30s` and five cron fields with an optional time zone";
            Error::invalid("when", format!("{what}. {allowed}"))
        };
        let (cron, zone) = match fields.len() {
            5 => (fields.join(" "), TimeZone::UTC),
            6 => {
                let zone = TimeZone::get(fields[5]).map_err(|_| wrong("Unknown time zone"))?;
                (fields[..5].join(" "), zone)
            }
            _ => return Err(wrong("Not a schedule")),
        };
        let cron = Cron::from_str(&cron).map_err(|_| wrong("Not a cron expression"))?;
        Ok(Self::Cron(Box::new(cron), zone))
    }

    /// The first tick after `now`, of those that follow upon `last`.
    fn next(&self, last: Timestamp, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(every) => {
                let late = Duration::try_from(now.duration_since(last)).unwrap_or_default();
                let beats = u32::try_from(late.as_micros() / every.as_micros()).ok()?.checked_add(1)?;
                Some(base::clock::add(last, every.checked_mul(beats)?))
            }
            Self::Cron(cron, zone) => {
                let after = now.to_zoned(zone.clone());
                cron.find_next_occurrence(&after, false).ok().map(|next| next.timestamp())
            }
        }
    }
}

fn parse_every(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?))
        .filter(|it| it.as_secs() <= 366 * 86_400)
}

impl Engine {
    /// Makes or changes a schedule; the next tick is counted from now.
    ///
    /// # Errors
    /// `Invalid`, naming the field.
    pub async fn schedule_put(&self, ctx: &Ctx, new: NewSchedule) -> Result<Schedule> {
        if !(1..=100).contains(&new.name.chars().count()) {
            return Err(Error::invalid("name", "A schedule's name has 1 to 100 characters"));
        }
        let never = || Error::invalid("when", "This schedule never ticks");
        let now = self.clock.now();
        let next_at = Rhythm::parse(&new.when)?.next(now, now).ok_or_else(never)?;
        let schedule = Schedule {
            name: new.name,
            when: new.when,
            kind: new.kind.to_owned(),
            params: new.params,
            unique: new.unique,
            paused: false,
            next_at,
            last_at: None,
        };
        let write = Write::put(schedule_key(&ctx.tenant, &schedule.name), body(&schedule));
        self.schedule_arm(&ctx.tenant, &schedule, vec![write]).await?;
        Ok(schedule)
    }

    /// Writes and makes sure that a task will look at the schedule when it ticks. A task of another
    /// tick finds that the schedule waits for this one, and ends.
    async fn schedule_arm(&self, tenant: &TenantId, schedule: &Schedule, writes: Vec<Write>) -> Result<()> {
        let payload = json!({ "name": schedule.name, "at": schedule.next_at }).to_string();
        let unique = key![schedule.name, schedule.next_at];
        let task = NewTask {
            delay: self.until(schedule.next_at),
            unique: Some((unique, OnTaken::Join)),
            ..NewTask::new(TICK, payload)
        };
        self.task_enqueue(tenant, task, writes).await.map(|_| ())
    }

    /// The tenant's schedules by name.
    ///
    /// # Errors
    /// What the store says.
    pub async fn schedule_list(&self, tenant: &TenantId) -> Result<Vec<Schedule>> {
        let items = self.store.query_all(Query::new(SCHEDULES, partition(tenant))).await?;
        Ok(items.iter().filter_map(read).collect())
    }

    /// One schedule.
    ///
    /// # Errors
    /// What the store says.
    pub async fn schedule_get(&self, tenant: &TenantId, name: &str) -> Result<Option<Schedule>> {
        Ok(self.store.get(schedule_key(tenant, name)).await?.as_ref().and_then(read))
    }

    /// Removes a schedule; its task finds nothing and ends.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn schedule_remove(&self, ctx: &Ctx, name: &str) -> Result<()> {
        let gone = Write::delete(schedule_key(&ctx.tenant, name)).when(When::Present);
        match self.store.write(vec![gone]).await {
            Ok(_) => Ok(()),
            Err(StoreError::Failed(_)) => Err(unknown(name)),
            Err(other) => Err(other.into()),
        }
    }

    /// Starts the schedule's job now, beside its ticks.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn schedule_run(&self, ctx: &Ctx, name: &str) -> Result<Enqueued> {
        let schedule = self.schedule_get(&ctx.tenant, name).await?.ok_or_else(|| unknown(name))?;
        self.job_enqueue(ctx, self.scheduled_job(&schedule)?).await
    }

    /// Holds a schedule.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when it is held already.
    pub async fn schedule_pause(&self, ctx: &Ctx, name: &str) -> Result<Schedule> {
        self.schedule_set(ctx, name, true).await
    }

    /// Lets a held schedule go on, from its next tick.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when it is not held.
    pub async fn schedule_resume(&self, ctx: &Ctx, name: &str) -> Result<Schedule> {
        self.schedule_set(ctx, name, false).await
    }

    async fn schedule_set(&self, ctx: &Ctx, name: &str, paused: bool) -> Result<Schedule> {
        let item = self.store.get(schedule_key(&ctx.tenant, name)).await?.ok_or_else(|| unknown(name))?;
        let mut schedule = read(&item).ok_or_else(|| unknown(name))?;
        if schedule.paused == paused {
            let state = if paused { "paused already" } else { "not paused" };
            return Err(Error::conflict(format!("The schedule is {state}")));
        }
        schedule.paused = paused;
        let now = self.clock.now();
        if let Some(next) = Rhythm::parse(&schedule.when)?.next(now, now).filter(|_| !paused) {
            schedule.next_at = next;
        }
        let write = Write::put(item.key.clone(), body(&schedule)).when(item.unchanged());
        if paused {
            self.store.write(vec![write]).await?;
        } else {
            self.schedule_arm(&ctx.tenant, &schedule, vec![write]).await?;
        }
        Ok(schedule)
    }

    fn scheduled_job(&self, schedule: &Schedule) -> Result<NewJob> {
        let (kind, _) = self
            .registry
            .jobs
            .get_key_value(schedule.kind.as_str())
            .ok_or_else(|| Error::conflict("This kind of job is not known here"))?;
        let mut job = NewJob::new(kind, schedule.params.clone());
        job.unique.clone_from(&schedule.unique);
        job.details = json!({ "schedule": schedule.name });
        Ok(job)
    }

    /// Fires the tick of `at` if the schedule waits for it, and arms the next.
    async fn tick(&self, tenant: &TenantId, name: &str, at: Timestamp) -> Result<Done, Failure> {
        let Some(item) = self.store.get(schedule_key(tenant, name)).await? else {
            return Ok(Done::default());
        };
        let is_awaited = |schedule: &Schedule| !schedule.paused && schedule.next_at == at;
        let Some(mut schedule) = read(&item).filter(is_awaited) else {
            return Ok(Done::default());
        };
        let now = self.clock.now();
        // The task was due, but a wall clock may be put back.
        if let Ok(early) = Duration::try_from(at.duration_since(now))
            && !early.is_zero()
        {
            return Err(Failure::new(Class::Again(early), "not yet"));
        }
        let seed = derived_uuid(at, &[tenant.as_str().as_bytes(), name.as_bytes()]);
        let principal = Principal::new(format!("schedule:{name}"));
        let ctx = Ctx::new(tenant.clone(), principal, Scopes::default(), RequestId::random(), at, seed);
        self.job_enqueue(&ctx, self.scheduled_job(&schedule)?).await?;
        schedule.last_at = Some(at);
        schedule.next_at = Rhythm::parse(&schedule.when)?
            .next(at, now)
            .ok_or_else(|| Failure::permanent("the schedule never ticks again"))?;
        let write = Write::put(item.key.clone(), body(&schedule)).when(item.unchanged());
        match self.schedule_arm(tenant, &schedule, vec![write]).await {
            Ok(()) => Ok(Done::default()),
            // Somebody changed the schedule meanwhile, and armed it anew.
            Err(error) if error.kind() == base::ErrorKind::Conflict => Ok(Done::default()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The task behind every schedule. Running it twice is harmless: the job of a tick has the tick's
/// own identity, and only the run that moves the schedule on arms the next tick.
pub(crate) struct Tick(pub(crate) Weak<Engine>);

#[derive(Deserialize)]
struct TickPayload {
    name: String,
    at: Timestamp,
}

#[async_trait]
impl TaskKind for Tick {
    fn name(&self) -> &'static str {
        TICK
    }

    async fn run(&self, run: &Run) -> Result<Done, Failure> {
        let TickPayload { name, at } = run.payload()?;
        let engine = self.0.upgrade().ok_or_else(|| Failure::new(Class::Abandoned, "the process stops"))?;
        // The task carries the chain of ticks: it waits, whatever it is, and never dies of it.
        engine.tick(run.tenant(), &name, at).await.map_err(|failure| match failure.class {
            Class::Abandoned | Class::Again(_) => failure,
            _ => Failure { class: Class::Again(TICK_AGAIN), ..failure },
        })
    }
}

fn unknown(name: &str) -> Error {
    Error::not_found(format!("Schedule {} not found", base::id::shown(name)))
}

fn body(schedule: &Schedule) -> Body {
    Body::data(rows::encode(schedule))
}

fn read(item: &Item) -> Option<Schedule> {
    rows::decode(item)
}

pub(crate) fn partition(tenant: &TenantId) -> String {
    key![tenant, "schedules"]
}

fn schedule_key(tenant: &TenantId, name: &str) -> Key {
    Key::new(SCHEDULES, partition(tenant), key![name])
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn rhythms_tick_when_they_say() {
        let start: Timestamp = "2026-03-28T12:00:00Z".parse().unwrap();
        let after = |when: &str, now| Rhythm::parse(when).unwrap().next(start, now).unwrap().to_string();
        let next = |when: &str| after(when, start);
        assert_eq!(next("every 90s"), "2026-03-28T12:01:30Z");
        // Looked at late, on the beat or off it, it keeps its beat.
        assert_eq!(after("every 90s", start + SignedDuration::from_secs(200)), "2026-03-28T12:04:30Z");
        assert_eq!(after("every 90s", start + SignedDuration::from_secs(270)), "2026-03-28T12:06:00Z");
        assert_eq!(next("0 6 * * *"), "2026-03-29T06:00:00Z");
        // London turned its clocks forward in that night: six o'clock there is five in UTC.
        assert_eq!(next("0 6 * * * Europe/London"), "2026-03-29T05:00:00Z");
    }

    #[test]
    fn what_is_no_rhythm_is_refused_by_name() {
        for wrong in ["", "every", "every 29s", "every -1s", "every 5", "* * * *", "61 * * * *", "0 6 * * * Mars/Base"]
        {
            let error = Rhythm::parse(wrong).unwrap_err();
            assert_eq!(error.details()[0].field, "when", "{wrong}");
        }
    }
}
