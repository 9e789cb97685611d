//! Who goes first: tenants take turns, the urgent overtakes, limits hold, and what is paused stands in
//! nobody's way.

use std::sync::Arc;

use base::clock::ManualClock;
use base::fault::FaultyStore;
use base::memory::MemoryStore;
use base::{Clock as _, Store};
use jobs::{JobStatus, NewJob, NewTask, Priority, Settings};

use crate::world::{Toy, World};

fn task(toy: &Toy) -> NewTask {
    NewTask::new("toy.task", serde_json::to_string(toy).unwrap())
}

async fn enqueue(world: &World, tenant: &str, new: NewTask) {
    world.engine.task_enqueue(&tenant.parse().unwrap(), new, Vec::new()).await.unwrap();
}

/// A process that works, and dies when told to; what it stored is in memory.
struct Mortal {
    world: World,
    dies: Arc<FaultyStore>,
    memory: Arc<dyn Store>,
}

impl Mortal {
    fn new() -> Self {
        let clock = ManualClock::at("2026-01-02T03:04:05Z".parse().unwrap());
        let memory: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
        let dies = Arc::new(FaultyStore::new(memory.clone(), Arc::new(clock.clone()), 0));
        let world = World::over(dies.clone(), clock, Settings::default()).work();
        Self { world, dies, memory }
    }
}

/// A world in which 3,000 tasks of one tenant wait, and one of another came after them.
async fn crowded() -> World {
    let world = World::set(Settings { concurrency: 8, ..Settings::default() });
    for n in 0..3_000 {
        enqueue(&world, "large", task(&Toy::named(n, 1))).await;
    }
    enqueue(&world, "small", task(&Toy::named("small", 1))).await;
    world
}

#[tokio::test]
async fn one_task_does_not_wait_for_a_thousand_of_another_tenant() {
    let world = crowded().await.work();
    world.until("it ran", || async { world.shared.runs_of("small") == 1 }).await;
    assert!(world.shared.place_of("small") < 100, "{}", world.shared.place_of("small"));
}

#[tokio::test]
async fn nor_does_it_when_every_ring_was_lost() {
    let world = crowded().await.after_a_kill().work();
    world.until("it ran", || async { world.shared.runs_of("small") == 1 }).await;
    assert!(world.shared.place_of("small") < 100, "{}", world.shared.place_of("small"));
    world.until("all ran", || async { world.shared.order.lock().unwrap().len() == 3_001 }).await;
}

#[tokio::test]
async fn the_urgent_overtakes_what_waits() {
    let world = World::set(Settings { concurrency: 4, ..Settings::default() }).work();
    for n in 0..200 {
        let priority = if n % 2 == 0 { Priority::Normal } else { Priority::Low };
        enqueue(&world, "acme", NewTask { priority, ..task(&Toy { gated: true, ..Toy::named(n, 1) }) }).await;
    }
    world.until("all places are taken", || async { world.shared.most_at_once() == 4 }).await;
    enqueue(&world, "acme", NewTask { priority: Priority::High, ..task(&Toy::named("urgent", 1)) }).await;
    world.shared.gate.add_permits(200);
    world.until("it ran", || async { world.shared.runs_of("urgent") == 1 }).await;
    // Of those that wait for a place, at most one of each priority has heard its ring already.
    assert!(world.shared.place_of("urgent") <= 8, "{}", world.shared.place_of("urgent"));
    world.until("all ran", || async { world.shared.order.lock().unwrap().len() == 201 }).await;
}

#[tokio::test]
async fn the_batches_of_a_paused_job_stand_in_nobodys_way() {
    let world = World::new().work();
    let toys: Vec<Toy> = (0..1_000).map(|n| Toy { gated: true, ..Toy::named(n, 1) }).collect();
    let new = NewJob::new("toy.narrow", serde_json::to_string(&toys).unwrap());
    let paused = world.engine.job_enqueue(&world.ctx(), new).await.unwrap().job.id;
    world.until("it is planned", || async { world.job(paused).await.counts.batches == 1_000 }).await;
    world.engine.job_pause(&world.ctx(), paused).await.unwrap();
    world.shared.gate.add_permits(2);
    world.until("what ran has ended", || async { world.job(paused).await.counts.processed == 2 }).await;
    let before = base::Clock::now(&world.clock);
    let id = world.start(&[Toy::named("other", 1)]).await;
    assert_eq!(world.settled(id).await.status, JobStatus::Completed);
    assert!(base::Clock::now(&world.clock).duration_since(before).as_secs() < 10);
    world.shared.gate.add_permits(1_000);
    world.engine.job_resume(&world.ctx(), paused).await.unwrap();
    assert_eq!(world.settled(paused).await.counts.processed, 1_000);
    assert!(world.shared.most_at_once() <= 3, "{}", world.shared.most_at_once());
    world.assert_nothing_left().await;
}

#[tokio::test]
async fn places_of_a_killed_process_come_back_and_the_limit_holds() {
    let Mortal { world, dies, memory } = Mortal::new();
    let toys: Vec<Toy> = (0..20).map(|n| Toy { gated: true, ..Toy::named(n, 1) }).collect();
    let new = NewJob::new("toy.narrow", serde_json::to_string(&toys).unwrap());
    let id = world.engine.job_enqueue(&world.ctx(), new).await.unwrap().job.id;
    world.until("both places are taken", || async { world.shared.most_at_once() == 2 }).await;
    dies.crash();
    let next = World::over(memory, world.clock.clone(), Settings::default()).work();
    next.shared.gate.add_permits(1_000);
    assert_eq!(next.settled(id).await.counts.processed, 20);
    assert!(next.shared.most_at_once() <= 2, "{}", next.shared.most_at_once());
    for toy in &toys {
        assert_eq!(next.effect(&toy.name).await, 1, "{}", toy.name);
    }
}

#[tokio::test]
async fn as_a_job_ends_the_oldest_that_waits_for_its_place_begins() {
    let world = World::set(Settings { concurrency: 8, ..Settings::default() });
    let mut jobs = Vec::new();
    for n in 0..200 {
        jobs.push(world.start(&[Toy::named(n, 1)]).await);
        world.clock.advance(std::time::Duration::from_millis(1));
    }
    let begun = world.clock.now();
    let world = world.work();
    for id in &jobs {
        assert_eq!(world.settled(*id).await.status, JobStatus::Completed);
    }
    // Ten at once may run, and a planner looks by itself only each half minute.
    let took = world.clock.now().duration_since(begun);
    assert!(took.as_secs() < 20, "{took}");
    let begins: Vec<_> = (0..200).map(|n| world.shared.place_of(&n.to_string())).collect();
    let out_of_turn = begins.iter().enumerate().filter(|(n, place)| n.abs_diff(**place) > 40).count();
    assert_eq!(out_of_turn, 0, "{begins:?}");
}

#[tokio::test]
async fn paused_jobs_leave_their_places_to_others_and_wait_for_one_again() {
    let world = World::new().work();
    let gated = |name: &str| [Toy { gated: true, ..Toy::named(name, 1) }];
    let mut paused = Vec::new();
    for n in 0..10 {
        let id = world.start(&gated(&format!("paused {n}"))).await;
        world.until("it runs", || async { world.shared.runs_of(&format!("paused {n}")) == 1 }).await;
        world.engine.job_pause(&world.ctx(), id).await.unwrap();
        paused.push(id);
    }
    let mut others = Vec::new();
    for n in 0..10 {
        others.push(world.start(&gated(&format!("other {n}"))).await);
        world.until("it runs", || async { world.shared.runs_of(&format!("other {n}")) == 1 }).await;
    }
    let resumed = world.engine.job_resume(&world.ctx(), paused[0]).await.unwrap();
    assert_eq!(resumed.status, JobStatus::Pending, "all places are taken");
    world.shared.gate.add_permits(100);
    for id in others {
        assert_eq!(world.settled(id).await.status, JobStatus::Completed);
    }
    assert_eq!(world.settled(paused[0]).await.status, JobStatus::Completed);
    for id in &paused[1..] {
        assert_eq!(world.engine.job_resume(&world.ctx(), *id).await.unwrap().status, JobStatus::Running);
        assert_eq!(world.settled(*id).await.counts.processed, 1);
    }
    world.assert_nothing_left().await;
}

#[tokio::test]
async fn who_is_suspected_of_a_death_lets_others_go_between() {
    let Mortal { world, dies, memory } = Mortal::new();
    for n in 0..10 {
        enqueue(&world, "acme", task(&Toy { gated: true, ..Toy::named(n, 1) })).await;
    }
    world.until("all run", || async { world.shared.most_at_once() == 10 }).await;
    dies.crash();
    let next = World::over(memory, world.clock.clone(), Settings::default()).work();
    next.until("one runs alone", || async { next.shared.order.lock().unwrap().len() == 1 }).await;
    for n in 0..5 {
        enqueue(&next, "other", task(&Toy::named(format!("innocent {n}"), 1))).await;
    }
    // A suspect runs for a minute, and whoever comes meanwhile begins before the next one does.
    next.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(next.shared.order.lock().unwrap().len(), 1);
    next.shared.gate.add_permits(100);
    next.until("all ran", || async { next.shared.order.lock().unwrap().len() == 15 }).await;
    let last = (0..5).map(|n| next.shared.place_of(&format!("innocent {n}"))).max();
    assert_eq!(last, Some(5), "{:?}", next.shared.order.lock().unwrap());
    next.until("all have ended", || async { next.engine.worker_list()[0].running == 0 }).await;
}

#[tokio::test]
async fn the_oldest_that_waits_is_none_that_runs() {
    let world = World::set(Settings { concurrency: 4, ..Settings::default() }).work();
    for n in 0..4 {
        enqueue(&world, "acme", task(&Toy { gated: true, ..Toy::named(n, 1) })).await;
    }
    world.until("all places are taken", || async { world.shared.most_at_once() == 4 }).await;
    world.clock.advance(std::time::Duration::from_secs(5));
    let before = world.engine.queue_list().await.unwrap();
    assert_eq!(before.iter().map(|depth| (depth.waiting, depth.oldest)).max(), Some((4, None)));
    let now = world.clock.now();
    enqueue(&world, "acme", task(&Toy::named("waits", 1))).await;
    let after = world.engine.queue_list().await.unwrap();
    assert_eq!(after.iter().map(|depth| (depth.waiting, depth.oldest)).max(), Some((5, Some(now))));
    world.shared.gate.add_permits(4);
    world.until("all ran", || async { world.shared.order.lock().unwrap().len() == 5 }).await;
}
