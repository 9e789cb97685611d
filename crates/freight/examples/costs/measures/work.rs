//! The engine, with jobs whose batches do nothing but count and log a line.

use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use base::clock::ManualClock;
use base::memory::{MemoryQueue, MemoryStore};
use operations::contract::{Stage, Toy};
use testkit::{Bill, Meter};

use super::{Measure, Most, pass, settle};

/// So many batches a job has.
const BATCHES: usize = 100;

pub(super) async fn measures() -> Vec<Measure> {
    let (meter, clock) = (Arc::new(Meter::default()), ManualClock::at("2026-01-02T03:04:05Z".parse().unwrap()));
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let store = meter.store(Arc::new(MemoryStore::new(shared.clone())));
    let queue = meter.queue(Arc::new(MemoryQueue::new(shared.clone())));
    let stage = Stage::over(store, queue, shared);
    let workers = stage.engine.workers_start();
    let toys = |count: usize| (0..count).map(|n| Toy::of(n.to_string(), 100)).collect::<Vec<_>>();
    let run = async |count: usize| {
        settle().await;
        let before = meter.bill();
        let id = stage.make("acme", Stage::FETCH, &toys(count)).await;
        pass(&clock, Duration::from_secs(10)).await;
        assert!(stage.engine.job_get(&"acme".parse().unwrap(), id).await.unwrap().unwrap().settled, "{count}");
        meter.bill() - before
    };
    let resting = async |time: Duration| {
        let before = meter.bill();
        pass(&clock, time).await;
        (meter.bill() - before) / (time.as_secs_f64() / 60.0)
    };
    run(1).await;
    // The tenant had work a moment ago, and sweeps still look for more; then they no longer do.
    let watched = resting(Duration::from_secs(10)).await;
    resting(Duration::from_secs(120)).await;
    let idle = resting(Duration::from_secs(600)).await;
    run(1).await;
    let (one, many) = (run(1).await - watched / 6.0, run(1 + BATCHES).await - watched / 6.0);
    assert!(workers.stop(Duration::from_secs(5)).await);
    #[expect(clippy::cast_precision_loss, reason = "a hundred")]
    let batch = (many - one) / BATCHES as f64;
    let idling = Most::of(668.0, [668.0, 0.0]).ringing(36.0);
    let watching = Most::of(472.0, [472.0, 0.0]);
    let a_job = Most::of(34.0, [90.0, 111.0]).ringing(10.0);
    let a_batch = Most::of(5.16, [11.8, 22.3]).ringing(1.23);
    vec![
        measure("idle", "a minute in which a process has nothing to do", idle, idling),
        measure("watch", "a minute of looking after one tenant with work, for a process", watched - idle, watching),
        measure("job", "a job of one batch: planned, run, logged, settled", one, a_job),
        measure("batch", "one more batch of a job: a task's life with a line of log", batch, a_batch),
    ]
}

fn measure(name: &'static str, what: &str, bill: Bill, most: Most) -> Measure {
    Measure { name, what: what.to_owned(), operation: None, bill, most }
}
