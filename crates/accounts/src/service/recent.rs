//! What was read a moment ago: a small map whose entries live for a second.
//!
//! It keeps a busy caller from asking the store at every request, and it is the whole of the time
//! that a revocation in another copy takes to be seen here. The second is counted from the moment
//! the read *began*: counted from its end, a slow read would show a revoked key for longer. What
//! this process changes itself it forgets at once, and a read that was under way then is not
//! remembered ([`Ticket`]). Of two reads the one that began later is remembered, whatever it found.
//!
//! While the store cannot be asked, what was read in the last five minutes stands in for it
//! ([`Recent::or_lately`]), and is told apart: who is known from memory may read what is kept, and no
//! more ([why](../../../../docs/decisions/0044-who-is-known-in-an-outage.md)).

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

/// Something that is known.
pub(crate) struct Known<V> {
    pub(crate) value: V,
    /// Whether it is remembered because the store cannot be asked.
    pub(crate) remembered: bool,
}

impl<V> Known<V> {
    pub(crate) fn read(value: V) -> Self {
        Self { value, remembered: false }
    }
}

/// What was read a moment ago. All times are monotonic.
pub(crate) struct Recent<K, V>(Mutex<Entries<K, V>>);

struct Entries<K, V> {
    /// What was read, and when its read began.
    entries: HashMap<K, (V, Duration)>,
    changes: u64,
}

impl<K: Hash + Eq, V: Clone> Recent<K, V> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Entries { entries: HashMap::new(), changes: 0 }))
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
    pub(crate) fn or_lately<Q: Hash + Eq + ?Sized>(&self, key: &Q, now: Duration, error: Error) -> Result<Known<V>>
    where
        K: Borrow<Q>,
    {
        let away = error.kind() == ErrorKind::Unavailable;
        let value = away.then(|| self.within(key, now, OUTAGE_MAX)).flatten().ok_or(error)?;
        Ok(Known { value, remembered: true })
    }

    /// What was read in the last five minutes, for who has just found that the store cannot be asked.
    pub(crate) fn remembered<Q: Hash + Eq + ?Sized>(&self, key: &Q, now: Duration) -> Option<Known<V>>
    where
        K: Borrow<Q>,
    {
        Some(Known { value: self.within(key, now, OUTAGE_MAX)?, remembered: true })
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

    /// Remembers what was read, unless something was changed since the ticket was taken, or a read that
    /// began later is remembered.
    pub(crate) fn put(&self, ticket: &Ticket, key: K, value: V) {
        let mut known = self.known();
        let later = known.entries.get(&key).is_some_and(|(_, began)| *began > ticket.began);
        if known.changes != ticket.changes || later {
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

    /// Lets go of what was read before: it is no longer there.
    pub(crate) fn gone<Q: Hash + Eq + ?Sized>(&self, ticket: &Ticket, key: &Q)
    where
        K: Borrow<Q>,
    {
        let mut known = self.known();
        if known.entries.get(key).is_some_and(|(_, began)| *began <= ticket.began) {
            known.entries.remove(key);
        }
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
    fn known(&self) -> MutexGuard<'_, Entries<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
