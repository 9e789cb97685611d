//! Schedules tick once, whoever looks.

use std::time::Duration;

use jobs::{JobFilter, NewSchedule};

use crate::world::World;

fn every_minute() -> NewSchedule {
    NewSchedule {
        name: "nightly".to_owned(),
        when: "every 60s".to_owned(),
        kind: "toy",
        params: "[]".to_owned(),
        unique: None,
    }
}

#[tokio::test]
async fn each_tick_makes_one_job_with_two_processes() {
    let world = World::new();
    let other = world.after_a_kill();
    world.engine.schedule_put(&world.ctx(), every_minute()).await.unwrap();
    let (world, other) = (world.work(), other.work());
    let total = || async { world.engine.job_total(&world.tenant, &JobFilter::default()).await.unwrap() };
    world.until("five ticks", || async { total().await == 5 }).await;
    assert_eq!(other.engine.schedule_list(&other.tenant).await.unwrap().len(), 1);
    let jobs = world.engine.job_list(&world.tenant, &JobFilter::default(), 10, None).await.unwrap().items;
    let starts: Vec<_> = jobs.windows(2).map(|pair| pair[0].created_at.duration_since(pair[1].created_at)).collect();
    assert!(starts.iter().all(|gap| (60..=62).contains(&gap.as_secs())), "{starts:?}");
}

#[tokio::test]
async fn missed_ticks_fire_once_and_a_paused_schedule_not_at_all() {
    let world = World::new();
    world.engine.schedule_put(&world.ctx(), every_minute()).await.unwrap();
    world.clock.advance(Duration::from_secs(3_600));
    let world = world.work();
    let total = || async { world.engine.job_total(&world.tenant, &JobFilter::default()).await.unwrap() };
    world.until("the late tick", || async { total().await == 1 }).await;
    world.engine.schedule_pause(&world.ctx(), "nightly").await.unwrap();
    for _ in 0..100 {
        world.clock.advance(Duration::from_secs(10));
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(total().await, 1);
    world.engine.schedule_resume(&world.ctx(), "nightly").await.unwrap();
    world.until("the next tick", || async { total().await == 2 }).await;
    world.engine.schedule_remove(&world.ctx(), "nightly").await.unwrap();
    assert!(world.engine.schedule_remove(&world.ctx(), "nightly").await.is_err());
}
