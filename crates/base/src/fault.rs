//! A store that fails in all the ways a store can.
//!
//! [`FaultyStore`] stands before another store and, by seeded chance, makes each call late, refuses
//! it, or loses its reply. What it answers is always what the contract allows: after `Busy` and
//! `Unavailable` nothing was applied, after `Unknown` a write may have been, or a part of a bulk.
//!
//! A *crash* is the end of a process as its callers see it: every call in flight fails, each with
//! what could be true of it, and every later call fails until the restart. What the store below
//! had applied stays; the memory of callers is theirs to drop.
//!
//! Two decisions matter to who changes this. Chance is drawn once for each call, at its beginning
//! and in the order of the calls, so that a seed repeats a run whose calls come in one order.
//! And everything that fires is counted: a proof that does not see its faults in [`Fired`] has
//! shown nothing.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::Notify;

use crate::clock::lock;
use crate::store::{Bulk, Item, Key, Query, Range, Slice, StoreError, Table, Version, Write};
use crate::{Clock, Store};

/// How likely each fault is, for each call, from 0 to 1. The default is no fault at all.
///
/// At most one of `busy`, `unavailable`, `unknown` and `vanished` befalls a call, so their sum is
/// at most 1; a delay may come with any of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Odds {
    /// The call waits before it is applied, or its reply does, each for up to `delay_max`.
    pub delay: f64,
    /// The longest delay.
    pub delay_max: Duration,
    /// The call is refused with `Busy`.
    pub busy: f64,
    /// The call is refused with `Unavailable`.
    pub unavailable: f64,
    /// A write is applied and answered with `Unknown`, a bulk applied in part; reads are spared.
    pub unknown: f64,
    /// A write is not applied and answered with `Unknown`; reads are spared.
    pub vanished: f64,
}

/// How often each fault has fired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fired {
    /// Calls that had to wait.
    pub delays: u64,
    /// Calls refused with `Busy`.
    pub busy: u64,
    /// Calls refused with `Unavailable`, other than by a crash.
    pub unavailable: u64,
    /// Writes answered with `Unknown` that were applied.
    pub unknown: u64,
    /// Writes answered with `Unknown` that were not.
    pub vanished: u64,
    /// Crashes.
    pub crashes: u64,
    /// Calls that were in flight at a crash.
    pub interrupted: u64,
}

/// Another store, and faults.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    dice: Mutex<Dice>,
    fired: Mutex<Fired>,
    life: Mutex<Life>,
    /// Calls in flight wait here in the order in which they came, and fail in it, so that a seed
    /// repeats what follows, too.
    crashed: Notify,
}

/// Which life of the process it is, so that a call of the last one never answers in this one.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Life {
    number: u64,
    up: bool,
}

struct Dice {
    rng: StdRng,
    odds: Odds,
}

/// What is to become of one call.
struct Fate {
    before: Duration,
    after: Duration,
    refusal: Option<StoreError>,
    path: Path,
}

/// How far a change and its reply come.
#[derive(Clone, Copy)]
enum Path {
    /// There and back.
    Whole,
    /// There, this share of a bulk, and not back.
    ReplyLost(f64),
    /// Not even there.
    RequestLost,
}

impl FaultyStore {
    /// Stands before `inner` without any fault until [`FaultyStore::set`]; delays pass by `clock`.
    pub fn new(inner: Arc<dyn Store>, clock: Arc<dyn Clock>, seed: u64) -> Self {
        let dice = Dice { rng: StdRng::seed_from_u64(seed), odds: Odds::default() };
        let life = Mutex::new(Life { number: 0, up: true });
        Self { inner, clock, dice: Mutex::new(dice), fired: Mutex::default(), life, crashed: Notify::new() }
    }

    /// Changes the odds from the next call on.
    pub fn set(&self, odds: Odds) {
        lock(&self.dice).odds = odds;
    }

    /// What has fired since the beginning.
    pub fn fired(&self) -> Fired {
        *lock(&self.fired)
    }

    /// Fails every call in flight, and every call until [`FaultyStore::restart`].
    pub fn crash(&self) {
        lock(&self.fired).crashes += 1;
        let mut life = lock(&self.life);
        *life = Life { number: life.number + 1, up: false };
        drop(life);
        self.crashed.notify_waiters();
    }

    /// Serves again. Calls from before the crash have failed, or will.
    pub fn restart(&self) {
        lock(&self.life).up = true;
    }

    /// A call that changes nothing.
    async fn read<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let life = self.alive()?;
        let fate = self.draw();
        let answer = self.until_crash(life, async {
            self.pass(fate.before, fate.refusal).await?;
            let answer = call.await;
            self.pass(fate.after, None).await?;
            answer
        });
        answer.await.unwrap_or_else(|| Err(crashed()))
    }

    /// A call that changes something, given the share of it that is to be applied.
    async fn change<T, F>(&self, call: impl FnOnce(f64) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let life = self.alive()?;
        let fate = self.draw();
        match self.until_crash(life, self.pass(fate.before, fate.refusal)).await {
            None => return Err(crashed()),
            Some(refused) => refused?,
        }
        let share = match fate.path {
            Path::Whole => 1.0,
            Path::ReplyLost(share) => share,
            Path::RequestLost => {
                lock(&self.fired).vanished += 1;
                return Err(lost());
            }
        };
        let answer = self.until_crash(life, async {
            let answer = call(share).await;
            self.pass(fate.after, None).await?;
            answer
        });
        match (answer.await, fate.path) {
            (None, _) => Err(lost()),
            (Some(answer), Path::ReplyLost(_)) => Err(self.lose(answer)),
            (Some(answer), _) => answer,
        }
    }

    /// Drops a reply; only what no store sends anywhere comes back.
    fn lose<T>(&self, answer: Result<T, StoreError>) -> StoreError {
        let mut fired = lock(&self.fired);
        match answer {
            Err(too_large @ StoreError::TooLarge { .. }) => return too_large,
            Ok(_) => fired.unknown += 1,
            Err(_) => fired.vanished += 1,
        }
        lost()
    }

    fn alive(&self) -> Result<Life, StoreError> {
        let life = *lock(&self.life);
        if life.up { Ok(life) } else { Err(crashed()) }
    }

    /// What the call answers, or `None` if the life it began in ends first.
    async fn until_crash<T>(&self, life: Life, call: impl Future<Output = T>) -> Option<T> {
        let mut crashed = pin!(self.crashed.notified());
        crashed.as_mut().enable();
        let answer = if lock(&self.life).number == life.number {
            tokio::select! {
                biased;
                () = crashed => None,
                answer = call => Some(answer),
            }
        } else {
            None
        };
        lock(&self.fired).interrupted += u64::from(answer.is_none());
        answer
    }

    async fn pass(&self, delay: Duration, refusal: Option<StoreError>) -> Result<(), StoreError> {
        if !delay.is_zero() {
            lock(&self.fired).delays += 1;
            self.clock.sleep(delay).await;
        }
        let Some(refusal) = refusal else { return Ok(()) };
        let mut fired = lock(&self.fired);
        match refusal {
            StoreError::Busy => fired.busy += 1,
            _ => fired.unavailable += 1,
        }
        Err(refusal)
    }

    fn draw(&self) -> Fate {
        let mut dice = lock(&self.dice);
        let odds = dice.odds;
        // Always the same number of draws, so that the odds of one fault do not shift another.
        let [late, when, how_late, fault, share]: [f64; 5] = dice.rng.random();
        let wait = if late < odds.delay { odds.delay_max.mul_f64(how_late) } else { Duration::ZERO };
        let (before, after) = if when < 0.5 { (wait, Duration::ZERO) } else { (Duration::ZERO, wait) };
        let busy = odds.busy;
        let unavailable = busy + odds.unavailable;
        let unknown = unavailable + odds.unknown;
        let vanished = unknown + odds.vanished;
        let (refusal, path) = match fault {
            _ if fault < busy => (Some(StoreError::Busy), Path::Whole),
            _ if fault < unavailable => (Some(StoreError::Unavailable("refused by chance".to_owned())), Path::Whole),
            _ if fault < unknown => (None, Path::ReplyLost(share)),
            _ if fault < vanished => (None, Path::RequestLost),
            _ => (None, Path::Whole),
        };
        Fate { before, after, refusal, path }
    }
}

fn crashed() -> StoreError {
    StoreError::Unavailable("crashed".to_owned())
}

fn lost() -> StoreError {
    StoreError::Unknown("the reply was lost".to_owned())
}

#[async_trait]
impl Store for FaultyStore {
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.read(self.inner.get_many(keys)).await
    }

    async fn query(&self, query: Query) -> Result<Slice, StoreError> {
        self.read(self.inner.query(query)).await
    }

    async fn count(&self, table: Table, partition: &str, range: Range) -> Result<u64, StoreError> {
        self.read(self.inner.count(table, partition, range)).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Version, StoreError> {
        self.change(|_all| self.inner.write(writes)).await
    }

    async fn bulk(&self, table: Table, mut writes: Vec<Bulk>) -> Result<(), StoreError> {
        let call = |share: f64| {
            // The limits are judged by the whole call, so only what is within them is cut.
            if crate::store::check_bulk(&writes).is_ok() {
                writes.truncate((writes.len() as f64 * share).round() as usize);
            }
            self.inner.bulk(table, writes)
        };
        self.change(call).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.alive()?;
        self.inner.ready().await
    }
}
