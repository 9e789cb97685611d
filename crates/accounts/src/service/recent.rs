//! What was read a moment ago: a small map whose entries live for a second.
//!
//! It keeps a busy caller from asking the store at every request, and it is the whole of the time
//! that a revocation in another copy takes to be seen here. The second is counted from the moment
//! the read *began*: counted from its end, a slow read would show a revoked key for longer. What
//! this process changes itself it forgets at once, and a read that was under way then is not
//! remembered ([`Ticket`]).

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// For how long something read is taken to be still so.
const LIFE: Duration = Duration::from_secs(1);
/// At most this many entries; then those past their life go, and if none is, all.
const ENTRIES_MAX: usize = 10_000;

/// Taken before a read begins, handed in with what was read.
pub(crate) struct Ticket {
    began: Duration,
    changes: u64,
}

/// What was read a moment ago. All times are monotonic.
pub(crate) struct Recent<K, V>(Mutex<Known<K, V>>);

struct Known<K, V> {
    entries: HashMap<K, (V, Duration)>,
    changes: u64,
}

impl<K: Hash + Eq, V: Clone> Recent<K, V> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Known { entries: HashMap::new(), changes: 0 }))
    }

    /// What was read less than a second ago.
    pub(crate) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q, now: Duration) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.known().entries.get(key).filter(|(_, until)| now < *until).map(|(value, _)| value.clone())
    }

    /// To be taken before a read.
    pub(crate) fn ticket(&self, now: Duration) -> Ticket {
        Ticket { began: now, changes: self.known().changes }
    }

    /// Remembers what was read, unless something was changed since the ticket was taken.
    pub(crate) fn put(&self, ticket: &Ticket, key: K, value: V) {
        let mut known = self.known();
        if known.changes != ticket.changes {
            return;
        }
        if known.entries.len() >= ENTRIES_MAX {
            known.entries.retain(|_, (_, until)| ticket.began < *until);
        }
        if known.entries.len() >= ENTRIES_MAX {
            known.entries.clear();
        }
        known.entries.insert(key, (value, ticket.began + LIFE));
    }

    /// Forgets one entry: it was just changed.
    pub(crate) fn forget(&self, key: &K) {
        let mut known = self.known();
        known.changes += 1;
        known.entries.remove(key);
    }

    /// Forgets everything: something was just changed that may stand under several keys.
    pub(crate) fn clear(&self) {
        let mut known = self.known();
        known.changes += 1;
        known.entries.clear();
    }

    // A std mutex: nothing is awaited while it is held, and no holder can leave it half changed.
    fn known(&self) -> MutexGuard<'_, Known<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
