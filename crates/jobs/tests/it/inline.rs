//! Work without workers: rings answered and due tasks run within a call, and nothing after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base::clock::ManualClock;
use base::intercept::{Intercept, Intercepted};
use base::memory::MemoryStore;
use base::queue::{Heard, Ring, Topic};
use base::store::{Item, Key, StoreError};
use base::{Clock as _, Store};
use jiff::Timestamp;
use jobs::inline::HAND_BACK_MAX;
use jobs::{JobStatus, NewSchedule, NewTask, Settings};

use crate::world::{Toy, World};

const CALL: Duration = Duration::from_secs(20);

/// The rings that wait in a topic, taken out of the queue as Lambda takes them.
async fn rings(world: &World, topic: &Topic) -> Vec<Ring> {
    let heard = world.queue.receive(topic, 100, Duration::ZERO).await.unwrap();
    world.queue.done(topic, heard.iter().map(|heard| heard.receipt.clone()).collect()).await.unwrap();
    heard.into_iter().map(|Heard { ring, .. }| ring).collect()
}

async fn enqueue(world: &World, toy: &Toy) {
    enqueue_as(world, "toy.task", toy).await;
}

async fn enqueue_as(world: &World, kind: &'static str, toy: &Toy) {
    let payload = serde_json::to_string(toy).unwrap();
    world.engine.task_enqueue(&world.tenant, NewTask::new(kind, payload), Vec::new()).await.unwrap();
}

#[tokio::test]
async fn a_call_answers_its_rings_and_a_job_comes_to_its_end_by_them_alone() {
    let world = World::new();
    let id = world.start(&[Toy::named("one", 1), Toy::named("two", 2)]).await;
    let topic = Topic::new("tasks-normal");
    let mut calls = 0;
    while !world.job(id).await.settled {
        let rings = rings(&world, &topic).await;
        assert!(!rings.is_empty() && calls < 10, "nobody rang for the rest of the job");
        let many = rings.len();
        let until = world.clock.monotonic() + CALL;
        assert_eq!(world.engine.rings_answer(&topic, rings, until).await, vec![true; many]);
        calls += 1;
    }
    assert_eq!(world.job(id).await.status, JobStatus::Completed);
    assert_eq!((world.effect("one").await, world.effect("two").await), (1, 1));
    world.assert_nothing_left().await;
}

#[tokio::test]
async fn what_a_call_cannot_finish_is_handed_back_uncharged_and_rings_for_another() {
    let world = World::new();
    enqueue(&world, &Toy { gated: true, ..Toy::named("long", 1) }).await;
    enqueue(&world, &Toy::named("short", 1)).await;
    let topic = Topic::new("tasks-normal");
    let delivered = rings(&world, &topic).await;
    let (started, until) = (world.clock.monotonic(), world.clock.monotonic() + CALL);
    let call = world.engine.rings_answer(&topic, delivered, until);
    tokio::pin!(call);
    let answered = loop {
        tokio::select! {
            biased;
            answered = &mut call => break answered,
            () = tokio::task::yield_now() => world.clock.advance(Duration::from_millis(100)),
        }
    };
    assert_eq!(answered, [true, true]);
    let took = world.clock.monotonic() - started;
    assert!(took >= CALL && took < CALL + HAND_BACK_MAX, "{took:?}");
    assert_eq!(world.engine.worker_list()[0].running, 0, "something runs on");
    assert_eq!(rings(&world, &topic).await.len(), 1, "what was handed back waits for nothing but a call");

    world.shared.gate.add_permits(1);
    assert!(!world.engine.run_due(world.clock.monotonic() + CALL).await.unwrap());
    assert_eq!((world.effect("long").await, world.effect("short").await), (1, 1));
    assert_eq!(world.shared.runs_of("long"), 2, "once handed back, once to its end");
}

#[tokio::test]
async fn tasks_of_a_full_kind_ring_as_places_are_given_back_and_not_before() {
    let world = World::new();
    for name in ["one", "two", "three", "four", "five"] {
        enqueue_as(&world, "toy.task.narrow", &Toy { gated: true, ..Toy::named(name, 1) }).await;
    }
    let topic = Topic::new("tasks-normal");
    let delivered = rings(&world, &topic).await;
    let call = world.engine.rings_answer(&topic, delivered, world.clock.monotonic() + CALL);
    tokio::pin!(call);
    for _ in 0..100 {
        tokio::select! {
            biased;
            answered = &mut call => panic!("nothing has ended yet: {answered:?}"),
            () = tokio::task::yield_now() => world.clock.advance(Duration::from_millis(100)),
        }
    }
    assert!(rings(&world, &topic).await.is_empty(), "it rang while two ran, and two are all that may");
    world.shared.gate.add_permits(5);
    assert_eq!(call.await, [true; 5]);

    let mut rang = 0;
    loop {
        let next = rings(&world, &topic).await;
        if next.is_empty() {
            break;
        }
        rang += next.len();
        world.engine.rings_answer(&topic, next, world.clock.monotonic() + CALL).await;
    }
    assert_eq!((rang, world.shared.most_at_once()), (3, 2));
    for name in ["one", "two", "three", "four", "five"] {
        assert_eq!(world.effect(name).await, 1, "{name}");
    }
    world.assert_nothing_left().await;
}

#[tokio::test]
async fn a_ring_too_early_rings_again_and_one_without_a_task_is_over() {
    let world = World::new();
    enqueue(&world, &Toy { limited_s: Some(60), ..Toy::named("slow", 1) }).await;
    let topic = Topic::new("tasks-normal");
    let first = rings(&world, &topic).await;
    let until = world.clock.monotonic() + CALL;
    assert_eq!(world.engine.rings_answer(&topic, first.clone(), until).await, [true]);
    // The same delivery once more, a minute too early.
    assert_eq!(world.engine.rings_answer(&topic, first.clone(), until).await, [true]);
    assert!(rings(&world, &topic).await.is_empty(), "it rang before its time");
    world.clock.advance(Duration::from_secs(61));
    let again = rings(&world, &topic).await;
    assert!(!again.is_empty());
    world.engine.rings_answer(&topic, again, world.clock.monotonic() + CALL).await;
    assert_eq!(world.effect("slow").await, 1);
    assert_eq!(world.engine.rings_answer(&topic, first, world.clock.monotonic() + CALL).await, [true]);
    world.assert_nothing_left().await;
}

#[tokio::test]
async fn a_tick_fires_schedules_and_runs_what_they_start() {
    let world = World::new();
    let schedule = NewSchedule {
        name: "often".to_owned(),
        when: "every 30s".to_owned(),
        kind: "toy",
        params: serde_json::to_string(&[Toy::named("ticked", 1)]).unwrap(),
        unique: None,
    };
    world.engine.schedule_put(&world.ctx(), schedule).await.unwrap();
    let call = || async { world.engine.run_due(world.clock.monotonic() + CALL).await.unwrap() };
    assert!(!call().await);
    assert_eq!(world.effect("ticked").await, 0);
    // The tick; then the planner, which looks by itself when nobody hears its ring.
    for _ in 0..2 {
        world.clock.advance(Duration::from_secs(30));
        call().await;
    }
    assert!(world.effect("ticked").await >= 1);
}

#[tokio::test]
async fn a_call_without_time_starts_nothing() {
    let world = World::new();
    enqueue(&world, &Toy::named("later", 1)).await;
    let topic = Topic::new("tasks-normal");
    let (rings, now) = (rings(&world, &topic).await, world.clock.monotonic());
    assert_eq!(world.engine.rings_answer(&topic, rings, now).await, [false]);
    world.engine.run_due(now).await.unwrap();
    assert_eq!(world.shared.runs_of("later"), 0);
    assert!(!self::rings(&world, &topic).await.is_empty(), "the sweep at the end of a tick rings for what is left");
}

/// Counts what is read by key.
#[derive(Clone, Default)]
struct Reads(Arc<AtomicUsize>);

#[async_trait]
impl Intercept for Reads {
    async fn get_many(&self, inner: &Arc<dyn Store>, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        inner.get_many(keys).await
    }
}

#[tokio::test]
async fn a_new_task_is_claimed_without_a_read_however_many_wait_before_it() {
    let (clock, reads) = (ManualClock::at(Timestamp::UNIX_EPOCH), Reads::default());
    let memory: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
    let world = World::over(Arc::new(Intercepted::new(memory, reads.clone())), clock, Settings::default());
    // One more than are remembered.
    for n in 0..4_097 {
        enqueue(&world, &Toy::named(n, 1)).await;
    }
    let topic = Topic::new("tasks-normal");
    let mut delivered = Vec::new();
    loop {
        let next = rings(&world, &topic).await;
        if next.is_empty() {
            break;
        }
        delivered.extend(next);
    }
    let [first, .., last] = &delivered[..] else { panic!("{} rings", delivered.len()) };
    let mut read = Vec::new();
    for ring in [first, last] {
        let before = reads.0.load(Ordering::SeqCst);
        world.engine.rings_answer(&topic, vec![ring.clone()], world.clock.monotonic() + CALL).await;
        read.push(reads.0.load(Ordering::SeqCst) - before);
    }
    assert_eq!(read[0], read[1] + 1, "the oldest is read, and not the newest");
}
