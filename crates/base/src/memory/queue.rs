//! The doorbell inside one process.
//!
//! Each topic has its ready rings in one line per tenant, and the tenants take turns: a tenant
//! with a hundred thousand rings waits no shorter and makes nobody wait longer. Delayed rings lie
//! in a heap until their time. Everything a receiver does happens in one locked step just before
//! it returns, so that a receiver which is dropped while it waits takes no ring with it.
//!
//! A ring that is already waiting is not kept twice, but only if it would be heard at the same
//! time: an immediate ring never swallows a later one, since the task may not be ready yet when
//! the first is heard. A heard ring is forgotten, so `done` has nothing to do; the sweep rings
//! again for a worker that died.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::clock::lock;
use crate::queue::{DELAY_MAX, Heard, Receipt, Ring, Topic};
use crate::{Clock, Queue, Result, TaskId, TenantId};

/// At most this many rings wait in one topic. Further ones are dropped, from whoever has most of them,
/// and the sweep finds their tasks.
pub const RINGS_MAX: usize = 100_000;

/// Of these at most so many are delayed, since who fills a topic with what rings later cannot be made to
/// give way.
pub const DELAYED_MAX: usize = RINGS_MAX / 2;

/// Delays are rounded up to this, so that one delay that was computed twice is one ring.
const TICK: Duration = Duration::from_millis(10);

/// Rings inside one process; what a server without SQS uses.
#[derive(Debug)]
pub struct MemoryQueue {
    clock: Arc<dyn Clock>,
    topics: Mutex<HashMap<Topic, Arc<Bell>>>,
}

impl MemoryQueue {
    /// A silent queue whose delays pass by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, topics: Mutex::default() }
    }

    /// How many rings of the topic are waiting, the delayed ones included.
    pub fn waiting(&self, topic: &Topic) -> usize {
        lock(&self.bell(topic).rings).known.len()
    }

    fn bell(&self, topic: &Topic) -> Arc<Bell> {
        let mut topics = lock(&self.topics);
        match topics.get(topic) {
            Some(bell) => Arc::clone(bell),
            None => Arc::clone(topics.entry(topic.clone()).or_default()),
        }
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn send(&self, topic: &Topic, rings: Vec<Ring>) -> Result<()> {
        let bell = self.bell(topic);
        let sent = lock(&bell.rings).send(rings, self.clock.monotonic());
        if sent.sooner {
            bell.rung.notify_waiters();
        } else if sent.ready {
            bell.rung.notify_one();
        }
        if sent.dropped > 0 {
            tracing::debug!(topic = topic.as_str(), dropped = sent.dropped, "the queue is full");
        }
        Ok(())
    }

    async fn receive(&self, topic: &Topic, max: usize, wait: Duration) -> Result<Vec<Heard>> {
        let bell = self.bell(topic);
        let give_up = self.clock.monotonic().saturating_add(wait);
        loop {
            // Listening begins before looking, so that no ring falls between the two.
            let mut rung = pin!(bell.rung.notified());
            rung.as_mut().enable();
            let now = self.clock.monotonic();
            let (heard, next) = lock(&bell.rings).receive(max, now);
            if !heard.is_empty() && next == Some(now) {
                // One notice may stand for many rings: whoever leaves some passes it on.
                bell.rung.notify_one();
            }
            if !heard.is_empty() || max == 0 || now >= give_up {
                return Ok(heard);
            }
            let until = next.map_or(give_up, |next| next.min(give_up));
            tokio::select! {
                biased;
                () = rung => {}
                () = self.clock.sleep(until.saturating_sub(now)) => {}
            }
        }
    }

    async fn done(&self, _topic: &Topic, _receipts: Vec<Receipt>) -> Result<()> {
        Ok(())
    }

    async fn ready(&self) -> Result<()> {
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Bell {
    rings: Mutex<Rings>,
    rung: Notify,
}

/// When a ring may be heard, in ticks of the monotonic clock; ready rings have [`READY`].
type Tick = u64;
const READY: Tick = 0;

#[derive(Debug, Default)]
struct Rings {
    /// The tasks to ring, by group. A group without any is not in it.
    ready: HashMap<TenantId, VecDeque<TaskId>>,
    /// The groups in `ready`, each once: the first is served next, then goes to the end.
    turns: VecDeque<TenantId>,
    delayed: BinaryHeap<Reverse<(Tick, TaskId, TenantId)>>,
    /// Every ring above, so that none is kept twice.
    known: HashSet<(TaskId, Tick)>,
}

/// What sending changed, and so whom to wake.
#[derive(Default)]
struct Sent {
    ready: bool,
    /// A delayed ring comes before the one that receivers are sleeping for.
    sooner: bool,
    dropped: usize,
}

impl Rings {
    fn send(&mut self, rings: Vec<Ring>, now: Duration) -> Sent {
        let mut sent = Sent::default();
        for Ring { task, group, delay } in rings {
            let tick = if delay.is_zero() { READY } else { tick_after(now + delay.min(DELAY_MAX)) };
            if self.known.contains(&(task, tick)) {
                continue;
            }
            if !self.has_room(tick, &group) {
                sent.dropped += 1;
            } else if tick == READY {
                sent.ready |= self.ring(task, group);
            } else {
                self.known.insert((task, tick));
                sent.sooner |= self.delayed.peek().is_none_or(|Reverse((next, ..))| tick < *next);
                self.delayed.push(Reverse((tick, task, group)));
            }
        }
        sent
    }

    /// Whether there is room for one more ring, or some was made.
    fn has_room(&mut self, tick: Tick, group: &TenantId) -> bool {
        (tick == READY || self.delayed.len() < DELAYED_MAX) && (self.known.len() < RINGS_MAX || self.make_room(group))
    }

    /// Drops the last ring of the longest line, if that line is longer than the group's own: else a
    /// tenant with very many rings would have those of all others dropped.
    fn make_room(&mut self, group: &TenantId) -> bool {
        let own = self.ready.get(group).map_or(0, VecDeque::len);
        let longest = self.ready.values_mut().max_by_key(|line| line.len());
        let Some(last) = longest.filter(|line| line.len() > own + 1).and_then(VecDeque::pop_back) else {
            return false;
        };
        self.known.remove(&(last, READY))
    }

    fn ring(&mut self, task: TaskId, group: TenantId) -> bool {
        let new = self.known.insert((task, READY));
        if new {
            let line = self.ready.entry(group.clone()).or_default();
            if line.is_empty() {
                self.turns.push_back(group);
            }
            line.push_back(task);
        }
        new
    }

    /// Takes up to `max` ready rings; says when the next can be heard (`now`: there are more).
    fn receive(&mut self, max: usize, now: Duration) -> (Vec<Heard>, Option<Duration>) {
        self.wake(now);
        let mut heard = Vec::new();
        while heard.len() < max {
            let Some(group) = self.turns.pop_front() else { break };
            let Some(line) = self.ready.get_mut(&group) else { continue };
            if let Some(task) = line.pop_front() {
                self.known.remove(&(task, READY));
                let ring = Ring { task, group: group.clone(), delay: Duration::ZERO };
                heard.push(Heard { ring, receipt: Receipt(String::new()) });
            }
            if line.is_empty() {
                self.ready.remove(&group);
            } else {
                self.turns.push_back(group);
            }
        }
        let delayed = || self.delayed.peek().map(|Reverse((tick, ..))| time_of(*tick));
        let next = if self.turns.is_empty() { delayed() } else { Some(now) };
        (heard, next)
    }

    /// Moves the delayed rings whose time has come to the lines of their groups.
    fn wake(&mut self, now: Duration) {
        while self.delayed.peek().is_some_and(|Reverse((tick, ..))| time_of(*tick) <= now) {
            let Some(Reverse((tick, task, group))) = self.delayed.pop() else { return };
            self.known.remove(&(task, tick));
            self.ring(task, group);
        }
    }
}

/// The first tick at or after `time`, never [`READY`].
fn tick_after(time: Duration) -> Tick {
    u64::try_from(time.as_nanos().div_ceil(TICK.as_nanos())).unwrap_or(Tick::MAX).max(1)
}

fn time_of(tick: Tick) -> Duration {
    Duration::from_nanos(tick.saturating_mul(TICK.as_nanos() as u64))
}
