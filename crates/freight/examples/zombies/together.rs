//! Four engines in one process, which is stopped as a whole.
//!
//! After a stop three of the engines are made to lose: while the fourth takes their tasks over, one by
//! one, since it has to think that they killed a worker, what shows one of their leases is held back,
//! and only then tried.

use std::io::BufRead as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::clock::SystemClock;
use base::intercept::Intercepted;
use base::memory::MemoryQueue;
use base::{Clock, Store};
use embedded::{OpenOptions, SqliteStore};
use jobs::Engine;

use crate::late::{Fence, Late, Stops};
use crate::work::{Callers, all_done, engine, tell};

const ENGINES: usize = 4;
/// So many tasks are under way at once: few, since who is suspected of a death runs alone, and what
/// piles up behind it would let the stale ones end first.
const CALLERS: usize = 12;

pub(crate) async fn run(folder: &Path, fence: Fence) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let file: Arc<dyn Store> = SqliteStore::open(OpenOptions::new(folder.join("zombies.db"), clock.clone())).unwrap();
    let stops = Arc::new(Stops::new());
    let queue = Arc::new(MemoryQueue::new(clock.clone()));
    let engines: Vec<Arc<Engine>> = (0..ENGINES)
        .map(|n| {
            let late = Late { stops: stops.clone(), fence, is_held_back: n > 0 };
            engine(Arc::new(Intercepted::new(file.clone(), late)), queue.clone(), clock.clone())
        })
        .collect();
    let workers: Vec<_> = engines.iter().map(Engine::workers_start).collect();
    tokio::spawn(stops.clone().watch());
    let callers = Callers::start(&engines, (&file, &clock), "", CALLERS);
    tokio::task::spawn_blocking(|| std::io::stdin().lock().lines().next()).await.unwrap();
    callers.end().await;
    all_done(&engines[0], &clock).await;
    for workers in workers {
        workers.stop(Duration::from_secs(5)).await;
    }
    tell(&*file).await;
    println!("stale {}", stops.refused());
}
