//! What this process remembers of the store, so that most writes are the record alone.
//!
//! Heads only ever grow, so what one named a minute ago it still names; it is looked at again after
//! that, since a deleted tenant may be made anew. A mark is relied on for 20 s, while the roller
//! leaves it alone for 60: whoever relied on it has written by then, or marks again before it
//! answers (see [`write`](super::write)).

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::TenantId;

use crate::model::Name;

/// How long a head is remembered.
const HEAD_FOR: Duration = Duration::from_secs(60);
/// How long a mark is relied on.
const MARK_FOR: Duration = Duration::from_secs(20);
/// So many heads, and so many marks, are remembered at most.
const HELD_MAX: usize = 200_000;

/// A series of a tenant.
pub(crate) type Place = (TenantId, Name);

/// What is remembered. Times are monotonic.
#[derive(Default)]
pub(crate) struct Known {
    heads: Mutex<HashMap<Place, (Duration, BTreeSet<String>)>>,
    marks: Mutex<HashMap<(Place, i64), Duration>>,
}

impl Known {
    /// Whether the head of a series is known to name all of these.
    pub(crate) fn names(&self, place: &Place, readings: &BTreeSet<&str>, now: Duration) -> bool {
        let heads = lock(&self.heads);
        let head = heads.get(place).filter(|(at, _)| now.saturating_sub(*at) < HEAD_FOR);
        head.is_some_and(|(_, names)| readings.iter().all(|reading| names.contains(*reading)))
    }

    /// The head of a series names these.
    pub(crate) fn head(&self, place: Place, names: BTreeSet<String>, now: Duration) {
        let mut heads = lock(&self.heads);
        make_room(&mut heads, |(at, _)| now.saturating_sub(*at) < HEAD_FOR);
        heads.insert(place, (now, names));
    }

    /// When the mark of a minute was begun that may still be relied on.
    pub(crate) fn mark(&self, place: &Place, minute: i64, now: Duration) -> Option<Duration> {
        let marks = lock(&self.marks);
        let at = marks.get(&(place.clone(), minute)).copied();
        at.filter(|at| now.saturating_sub(*at) < MARK_FOR)
    }

    /// Marks are durable that were begun at `at`.
    pub(crate) fn marked(&self, minutes: impl IntoIterator<Item = (Place, i64)>, at: Duration) {
        let mut marks = lock(&self.marks);
        for minute in minutes {
            make_room(&mut marks, |begun| at.saturating_sub(*begun) < MARK_FOR);
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
