//! Limits counted inside one process.
//!
//! A window is counted in sixtieths. What was admitted in a sixtieth that still touches the window
//! counts in full, so a charge is held for one window and up to one sixtieth more: callers at
//! their limit get a little less than the policy, and never, in any sliding window, more.
//!
//! Time is monotonic: a wall clock set back can neither reset a limit nor hold it shut.
//!
//! The number of keys is bounded, since strangers choose some of them (addresses that fail to sign
//! in). A key is forgotten only when nothing it was charged still counts. When there is no room
//! for one more, newcomers share a few counters between them: too strict for some, and still never
//! more than the policy for anybody. A newcomer stays with a shared counter until that has nothing
//! left to count, for leaving it earlier would be a fresh start.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use crate::clock::lock;
use crate::limiter::{Decision, Policy, Standing};
use crate::{Clock, Limiter};

const SLICES: u128 = 60;
/// How many keys have counters of their own.
const KEYS_MAX: usize = 100_000;
/// How many counters the keys beyond that share.
const SHARED: u64 = 1_024;
/// How many old keys each new one looks at, to forget those that are idle.
const PROBES: usize = 4;

/// Limits inside one process; what a server without Redis uses.
#[derive(Debug)]
pub struct MemoryLimiter {
    clock: Arc<dyn Clock>,
    keys_max: usize,
    counts: Mutex<Counts>,
    hasher: RandomState,
}

impl MemoryLimiter {
    /// A limiter that has admitted nothing yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_keys_max(clock, KEYS_MAX)
    }

    /// As [`MemoryLimiter::new`], for at most this many keys with counters of their own.
    pub fn with_keys_max(clock: Arc<dyn Clock>, keys_max: usize) -> Self {
        Self { clock, keys_max, counts: Mutex::default(), hasher: RandomState::new() }
    }
}

#[async_trait]
impl Limiter for MemoryLimiter {
    async fn check(&self, key: &str, policies: &[Policy], cost: u32) -> Decision {
        let now = self.clock.monotonic();
        // No caller's key begins with a NUL: keys are made of identifiers and addresses.
        let shared = || format!("\0{}", self.hasher.hash_one(key) % SHARED);
        let mut counts = lock(&self.counts);
        let counters = counts.counters(key, shared, self.keys_max, now);
        counters.check(policies, cost, now)
    }
}

#[derive(Debug, Default)]
struct Counts {
    by_key: HashMap<Arc<str>, Counters>,
    /// Every key once, the one to be probed next in front.
    probes: VecDeque<Arc<str>>,
}

impl Counts {
    /// The key's own counters, or shared ones if it has none and there is no room.
    fn counters(&mut self, key: &str, shared: impl Fn() -> String, keys_max: usize, now: Duration) -> &mut Counters {
        let mut name: Arc<str> = key.into();
        if !self.by_key.contains_key(key) {
            self.forget_idle(now);
            let shared: Arc<str> = shared().into();
            if self.by_key.len() >= keys_max || self.by_key.contains_key(&shared) {
                name = shared;
            }
            if !self.by_key.contains_key(&name) {
                self.probes.push_back(Arc::clone(&name));
            }
        }
        self.by_key.entry(name).or_default()
    }

    fn forget_idle(&mut self, now: Duration) {
        for _ in 0..PROBES {
            let Some(key) = self.probes.pop_front() else { return };
            if self.by_key.get(&key).is_some_and(|counters| counters.is_idle(now)) {
                self.by_key.remove(&key);
            } else {
                self.probes.push_back(key);
            }
        }
    }
}

/// What one key was charged, under each policy it was ever checked against.
#[derive(Debug, Default)]
struct Counters(Vec<Counter>);

impl Counters {
    fn check(&mut self, policies: &[Policy], cost: u32, now: Duration) -> Decision {
        self.0.retain(|counter| !counter.is_idle(now));
        let places: Vec<usize> = policies.iter().map(|policy| self.place(policy, now)).collect();
        let waits = policies.iter().zip(&places).map(|(policy, n)| self.0[*n].wait(policy, cost, now));
        let retry_after = waits.flatten().max();
        if retry_after.is_none() && cost > 0 {
            places.iter().for_each(|n| self.0[*n].charge(cost, now));
        }
        let standings = policies.iter().zip(&places).map(|(policy, n)| self.0[*n].standing(policy, now)).collect();
        Decision { retry_after, standings }
    }

    /// Where the policy is counted. One that got another window is counted anew.
    fn place(&mut self, policy: &Policy, now: Duration) -> usize {
        let known = self.0.iter().position(|counter| counter.counts(policy));
        let place = known.unwrap_or_else(|| {
            self.0.push(Counter::new(policy));
            self.0.len() - 1
        });
        self.0[place].drop_past(now);
        place
    }

    fn is_idle(&self, now: Duration) -> bool {
        self.0.iter().all(|counter| counter.is_idle(now))
    }
}

/// One sliding window.
#[derive(Debug)]
struct Counter {
    name: Box<str>,
    window: Duration,
    slice_ns: u128,
    /// What was admitted in each sixtieth in which anything was, oldest first.
    slices: VecDeque<(u128, u64)>,
    total: u64,
}

impl Counter {
    fn new(policy: &Policy) -> Self {
        let slice_ns = policy.window.as_nanos().div_ceil(SLICES).max(1);
        Self { name: policy.name.as_ref().into(), window: policy.window, slice_ns, slices: VecDeque::new(), total: 0 }
    }

    fn counts(&self, policy: &Policy) -> bool {
        *self.name == *policy.name && self.window == policy.window
    }

    fn is_idle(&self, now: Duration) -> bool {
        self.slices.back().is_none_or(|(slice, _)| self.freed_in(*slice, now).is_zero())
    }

    fn drop_past(&mut self, now: Duration) {
        while let Some((slice, count)) = self.slices.front().copied() {
            if !self.freed_in(slice, now).is_zero() {
                return;
            }
            self.slices.pop_front();
            self.total -= count;
        }
    }

    fn charge(&mut self, cost: u32, now: Duration) {
        let slice = now.as_nanos() / self.slice_ns;
        self.total += u64::from(cost);
        match self.slices.back_mut() {
            Some((last, count)) if *last >= slice => *count += u64::from(cost),
            _ => self.slices.push_back((slice, u64::from(cost))),
        }
    }

    /// How long until the cost fits; `None` when it does. One above the limit never will, and
    /// waits a whole window to be told so again.
    fn wait(&self, policy: &Policy, cost: u32, now: Duration) -> Option<Duration> {
        if cost == 0 || self.total + u64::from(cost) <= u64::from(policy.limit) {
            return None;
        }
        let mut left = self.total;
        for (slice, count) in &self.slices {
            left -= count;
            if left + u64::from(cost) <= u64::from(policy.limit) {
                return Some(self.freed_in(*slice, now));
            }
        }
        Some(policy.window)
    }

    fn standing(&self, policy: &Policy, now: Duration) -> Standing {
        let remaining = u64::from(policy.limit).saturating_sub(self.total);
        let reset = self.slices.front().map_or(Duration::ZERO, |(slice, _)| self.freed_in(*slice, now));
        Standing { remaining: u32::try_from(remaining).unwrap_or(u32::MAX), reset }
    }

    /// How long a sixtieth still touches the window: until its last moment is a window old.
    fn freed_in(&self, slice: u128, now: Duration) -> Duration {
        let free_ns = (slice + 1 + SLICES) * self.slice_ns;
        let left_ns = free_ns.saturating_sub(now.as_nanos());
        Duration::from_nanos(u64::try_from(left_ns).unwrap_or(u64::MAX))
    }
}
