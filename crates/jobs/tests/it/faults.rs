//! Lives of jobs on a store that delays, refuses, loses answers, and is torn away with the process.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use base::Store;
use base::clock::ManualClock;
use base::fault::{FaultyStore, Fired, Odds};
use base::memory::MemoryStore;
use jobs::{JobStatus, Settings};

use crate::world::{Toy, World};

const ODDS: Odds = Odds {
    delay: 0.2,
    delay_max: Duration::from_millis(400),
    busy: 0.05,
    unavailable: 0.02,
    unknown: 0.05,
    vanished: 0.02,
};

/// One life of a job under faults, with `kills` deaths of the process.
async fn one_life(seed: u64, kills: u32) -> Fired {
    let clock = ManualClock::at("2026-01-02T03:04:05Z".parse().unwrap());
    let memory: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
    let faulty = Arc::new(FaultyStore::new(memory.clone(), Arc::new(clock.clone()), seed));
    let calm = World::over(memory, clock.clone(), Settings::default());
    let toys: Vec<Toy> =
        (0..80).map(|n| Toy { flaky: u32::from(n % 7 == 0), permanent: n % 10 == 3, ..Toy::named(n, n) }).collect();
    let id = calm.start(&toys).await;
    faulty.set(ODDS);
    let mut world = World::over(faulty.clone(), clock.clone(), Settings::default()).work();
    for _ in 0..kills {
        // Each process gets some work done: one that is killed three times at its first task in a
        // row would rightly be taken for a victim of that task.
        let ended = |job: &jobs::Job| job.counts.batches_completed + job.counts.batches_failed;
        let before = ended(&calm.job(id).await);
        calm.until("some batches ended", || async {
            let job = calm.job(id).await;
            job.settled || ended(&job) >= before + 12
        })
        .await;
        faulty.crash();
        faulty.restart();
        // What ran goes on as a zombie beside the new process, and must not be heard any more.
        world = World::over(faulty.clone(), clock.clone(), Settings::default()).work();
    }
    let job = calm.settled(id).await;
    let letters = calm.engine.dead_list(&calm.tenant, None, 100, None).await.unwrap().items;
    let reasons: Vec<_> = letters.iter().map(|letter| letter.reason.as_str()).collect();
    assert_eq!(reasons, vec!["never"; 8], "seed {seed}");
    let (failed, total) = ((0..80).filter(|n| n % 10 == 3).sum::<i64>(), (0..80).sum::<i64>());
    assert_eq!(job.status, JobStatus::CompletedWithErrors, "seed {seed} {job:?}");
    assert_eq!(
        (job.counts.total, job.counts.failed, job.counts.processed),
        (total, failed, total - failed),
        "seed {seed}"
    );
    assert_eq!((job.counts.batches, job.counts.batches_failed), (80, 8), "seed {seed}");
    for toy in &toys {
        let times = i64::from(!toy.permanent);
        assert_eq!(calm.effect(&toy.name).await, times, "seed {seed}, effect {}", toy.name);
    }
    calm.until("nothing runs", || async { world.engine.worker_list()[0].running == 0 }).await;
    calm.assert_nothing_left().await;
    faulty.fired()
}

/// Runs many lives; every kind of fault must have fired in them.
async fn lives(seeds: Range<u64>, kills: u32) {
    let mut all = Fired::default();
    for seed in seeds {
        let fired = one_life(seed, kills).await;
        all.delays += fired.delays;
        all.busy += fired.busy;
        all.unavailable += fired.unavailable;
        all.unknown += fired.unknown;
        all.vanished += fired.vanished;
        all.crashes += fired.crashes;
    }
    let rarest = all.delays.min(all.busy).min(all.unavailable).min(all.unknown).min(all.vanished);
    assert!(rarest > 10, "{all:?}");
    assert_eq!(all.crashes > 0, kills > 0);
}

#[tokio::test]
async fn counts_and_effects_are_exact_under_faults() {
    lives(0..20, 0).await;
}

#[tokio::test]
async fn counts_and_effects_are_exact_under_faults_and_kills() {
    lives(100..120, 4).await;
}
