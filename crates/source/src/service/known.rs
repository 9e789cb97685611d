//! What this process remembers of the store, so that most writes are the record alone.
//!
//! Heads only ever grow, so what one named a minute ago it still names; it is looked at again after
//! that, since a deleted tenant may be made anew. A mark is relied on for 20 s, while the roller
//! leaves it alone for 60: whoever relied on it has written by then, or marks again before it
//! answers (see [`write`](super::write)). The roller goes by the wall clock, which may be set or go on
//! while the machine sleeps and the other clock stands still: a mark's age is what either says.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::{Clock, TenantId};
use jiff::Timestamp;

use crate::model::Name;

/// How long a head is remembered.
const HEAD_FOR: Duration = Duration::from_secs(60);
/// How long a mark is relied on.
const MARK_FOR: Duration = Duration::from_secs(20);
/// So many heads, and so many marks, are remembered at most.
const HELD_MAX: usize = 200_000;
/// So many names of readings are remembered with the heads at most: some 100 MB of them.
const NAMES_MAX: usize = 1_000_000;

/// A series of a tenant.
pub(crate) type Place = (TenantId, Name);

/// In so many lanes those wait who find that something is not remembered.
const LANES: usize = 64;

/// When something was begun, by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Begun {
    monotonic: Duration,
    wall: Timestamp,
}

impl Begun {
    pub(crate) fn now(clock: &dyn Clock) -> Self {
        Self { monotonic: clock.monotonic(), wall: clock.now() }
    }

    /// How long ago this was, by the clock that says longer.
    pub(crate) fn age(self, now: Self) -> Duration {
        let wall = Duration::try_from(now.wall.duration_since(self.wall)).unwrap_or_default();
        now.monotonic.saturating_sub(self.monotonic).max(wall)
    }
}

/// What is remembered. Other times are monotonic.
pub(crate) struct Known {
    heads: Mutex<Heads>,
    marks: Mutex<HashMap<(Place, i64), Begun>>,
    /// When a roller was last woken for a series, in [`moment`](Self::moment)s.
    woken: Mutex<HashMap<Place, u64>>,
    moments: AtomicU64,
    lanes: Vec<tokio::sync::Mutex<()>>,
}

/// Heads, and how many names are remembered with them, or were with some that were forgotten since.
#[derive(Default)]
struct Heads {
    of: HashMap<Place, (Duration, BTreeSet<String>)>,
    names: usize,
}

impl Default for Known {
    fn default() -> Self {
        let lanes = (0..LANES).map(|_| tokio::sync::Mutex::default()).collect();
        let (heads, marks, woken) = Default::default();
        Self { heads, marks, woken, moments: AtomicU64::new(0), lanes }
    }
}

impl Known {
    /// Waits until nobody else here asks the store about the same series: of hundreds who find at
    /// the same time that a minute has no mark, one makes it.
    pub(crate) async fn turn(&self, place: &Place) -> tokio::sync::MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        place.hash(&mut hasher);
        let lane = usize::try_from(hasher.finish() % LANES as u64).unwrap_or(0);
        self.lanes[lane].lock().await
    }

    /// A number that is larger than all that were given before.
    pub(crate) fn moment(&self) -> u64 {
        self.moments.fetch_add(1, Ordering::SeqCst)
    }

    /// Whether waking the roller of a series began after this moment.
    pub(crate) fn woken_since(&self, place: &Place, moment: u64) -> bool {
        lock(&self.woken).get(place).is_some_and(|begun| *begun > moment)
    }

    /// The roller of a series was woken, which began at this moment.
    pub(crate) fn woken(&self, place: &Place, begun: u64) {
        let mut woken = lock(&self.woken);
        make_room(&mut woken, |_| false);
        woken.insert(place.clone(), begun);
    }

    /// Whether the head of a series is known to name all of these.
    pub(crate) fn names(&self, place: &Place, readings: &BTreeSet<&str>, now: Duration) -> bool {
        let heads = lock(&self.heads);
        let head = heads.of.get(place).filter(|(at, _)| now.saturating_sub(*at) < HEAD_FOR);
        head.is_some_and(|(_, names)| readings.iter().all(|reading| names.contains(*reading)))
    }

    /// The head of a series names these.
    pub(crate) fn head(&self, place: Place, names: BTreeSet<String>, now: Duration) {
        let mut heads = lock(&self.heads);
        if heads.names + names.len() > NAMES_MAX {
            *heads = Heads::default();
        }
        make_room(&mut heads.of, |(at, _)| now.saturating_sub(*at) < HEAD_FOR);
        heads.names += names.len();
        if let Some((_, before)) = heads.of.insert(place, (now, names)) {
            heads.names -= before.len();
        }
    }

    /// When the mark of a minute was begun that may still be relied on.
    pub(crate) fn mark(&self, place: &Place, minute: i64, now: Begun) -> Option<Begun> {
        let marks = lock(&self.marks);
        let at = marks.get(&(place.clone(), minute)).copied();
        at.filter(|at| at.age(now) < MARK_FOR)
    }

    /// Marks are durable that were begun at `at`.
    pub(crate) fn marked(&self, minutes: impl IntoIterator<Item = (Place, i64)>, at: Begun) {
        let mut marks = lock(&self.marks);
        for minute in minutes {
            make_room(&mut marks, |begun| begun.age(at) < MARK_FOR);
            marks.insert(minute, at);
        }
    }
}

/// Forgets what is of no use any more when there is too much, and everything when that does not help.
fn make_room<K: Eq + Hash, V>(map: &mut HashMap<K, V>, of_use: impl Fn(&V) -> bool) {
    if map.len() >= HELD_MAX {
        map.retain(|_, value| of_use(value));
        if map.len() > HELD_MAX / 2 {
            map.clear();
        }
    }
}

/// No holder can leave what is remembered half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
