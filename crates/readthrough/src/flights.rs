//! Once for all who ask at the same time.
//!
//! Work that is under way is joined, and what came of it is given out for a second more: so a resource
//! is computed at most once a second and subject in a process, whatever callers ask, and one that fails
//! is not asked at every request. The work is a task of its own: it goes on when who began it goes away.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::cache::CacheKey;
use base::{Clock, Error, ErrorKind, Result};
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use tokio_util::task::TaskTracker;

/// For how long what came of a flight is given out.
pub(crate) const HELD: Duration = Duration::from_secs(1);
/// The most flights of a reader at a time.
const FLIGHTS_MAX: usize = 1_000;

/// What is under way, or ended a moment ago.
pub(crate) type Flight<T> = Shared<BoxFuture<'static, Result<T>>>;

/// Work under way, by what it is about. Clones share it.
pub(crate) struct Flights<T>(Arc<Inner<T>>);

struct Inner<T> {
    clock: Arc<dyn Clock>,
    under_way: Mutex<HashMap<CacheKey, Flight<T>>>,
    tasks: TaskTracker,
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { clock, under_way: Mutex::default(), tasks: TaskTracker::new() }))
    }

    /// What is under way about this, or `work` if nothing is; and whether it was joined.
    ///
    /// # Errors
    /// `Unavailable` when too much is under way.
    pub(crate) fn join<F>(&self, about: &CacheKey, work: impl FnOnce() -> F) -> Result<(Flight<T>, bool)>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let mut under_way = self.under_way();
        let flying = |flight: &&Flight<T>| flight.peek().is_none();
        let full = under_way.len() >= FLIGHTS_MAX && under_way.values().filter(flying).count() >= FLIGHTS_MAX;
        let place = match under_way.entry(about.clone()) {
            Entry::Occupied(flight) => return Ok((flight.get().clone(), true)),
            Entry::Vacant(_) if full => {
                let text = "The server is computing as much as it can. Try again shortly.";
                return Err(Error::new(ErrorKind::Unavailable, text).with_retry_after(HELD));
            }
            Entry::Vacant(place) => place,
        };
        let task = self.0.tasks.spawn(work());
        let flight = task.map(|ended| ended.unwrap_or_else(|error| Err(Error::internal(error)))).boxed().shared();
        place.insert(flight.clone());
        drop(under_way);
        let (flights, about, lands) = (Self(self.0.clone()), about.clone(), flight.clone());
        tokio::spawn(async move {
            drop(lands.clone().await);
            flights.0.clock.sleep(HELD).await;
            // Another may have taken its place since.
            let mut under_way = flights.under_way();
            if under_way.get(&about).is_some_and(|flight| flight.ptr_eq(&lands)) {
                under_way.remove(&about);
            }
        });
        Ok((flight, false))
    }

    /// Waits for what is under way, and gives out nothing of it any more: a process that is frozen now may go
    /// on long after.
    pub(crate) async fn settle(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.tasks.reopen();
        self.under_way().retain(|_, flight| flight.peek().is_none());
    }

    // A std mutex: nothing is awaited while it is held, and no holder can leave it half changed.
    fn under_way(&self) -> MutexGuard<'_, HashMap<CacheKey, Flight<T>>> {
        self.0.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
