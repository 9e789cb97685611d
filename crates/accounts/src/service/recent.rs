//! What was read a moment ago: a small map whose entries live for a second.
//!
//! It keeps a busy caller from asking the store at every request, and it is the whole of the time
//! that a revocation in another copy takes to be seen here. The second is counted from the moment
//! the read *began*: counted from its end, a slow read would show a revoked key for longer. What
//! this process changes itself it forgets at once, and a read that was under way then is not
//! remembered ([`Ticket`]).
//!
//! While the store cannot be asked, what was read in the last five minutes stands in for it
//! ([`Recent::lately`]): who was let in before an outage can go on to read what is cached, and whoever
//! was not is not let in ([why](../../../../docs/decisions/0044-who-is-known-in-an-outage.md)).

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::{Error, ErrorKind, Result};

/// For how long something read is taken to be still so.
const LIFE: Duration = Duration::from_secs(1);
/// For how long it stands in for a store that cannot be asked.
pub(crate) const OUTAGE_MAX: Duration = Duration::from_secs(300);
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
    /// What was read, and when its read began.
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
        self.within(key, now, LIFE)
    }

    /// What stands in for a store that failed with `error`.
    ///
    /// # Errors
    /// `error`, unless it says that the store cannot be asked and something was read in the last five
    /// minutes.
    pub(crate) fn lately<Q: Hash + Eq + ?Sized>(&self, key: &Q, now: Duration, error: Error) -> Result<V>
    where
        K: Borrow<Q>,
    {
        let known = (error.kind() == ErrorKind::Unavailable).then(|| self.within(key, now, OUTAGE_MAX)).flatten();
        known.ok_or(error)
    }

    fn within<Q: Hash + Eq + ?Sized>(&self, key: &Q, now: Duration, life: Duration) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let known = self.known();
        let (value, began) = known.entries.get(key)?;
        (now < *began + life).then(|| value.clone())
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
            known.entries.retain(|_, (_, began)| ticket.began < *began + LIFE);
        }
        if known.entries.len() >= ENTRIES_MAX {
            known.entries.clear();
        }
        known.entries.insert(key, (value, ticket.began));
    }

    /// Forgets one entry: it was just changed, or found to be another.
    pub(crate) fn forget<Q: Hash + Eq + ?Sized>(&self, key: &Q)
    where
        K: Borrow<Q>,
    {
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
