//! Plain tasks: uniqueness, concurrency, delays, leases.

use std::time::Duration;

use base::StoreExt as _;
use base::store::Write;
use jobs::{NewJob, NewTask, OnTaken};

use crate::world::{EFFECTS, Toy, World};

fn task(toy: &Toy) -> NewTask {
    NewTask::new("toy.task", serde_json::to_string(toy).unwrap())
}

fn unique(toy: &Toy, on_taken: OnTaken) -> NewTask {
    NewTask { unique: Some(("key".to_owned(), on_taken)), ..task(toy) }
}

#[tokio::test]
async fn a_delayed_task_is_early_for_nobody() {
    let world = World::new().work();
    let late = NewTask { delay: Duration::from_secs(3_600), ..task(&Toy::named("late", 1)) };
    world.engine.task_enqueue(&world.tenant, late, Vec::new()).await.unwrap();
    let before = base::Clock::now(&world.clock);
    world.until("it ran", || async { world.shared.runs_of("late") == 1 }).await;
    let waited = base::Clock::now(&world.clock).duration_since(before);
    assert!((3_600..3_610).contains(&waited.as_secs()), "{waited}");
    world.assert_nothing_left().await;
}

#[tokio::test]
async fn join_returns_the_task_in_hand_and_again_runs_it_once_more() {
    let world = World::new().work();
    let toy = Toy { gated: true, ..Toy::named("one", 1) };
    let first = world.engine.task_enqueue(&world.tenant, unique(&toy, OnTaken::Join), Vec::new()).await.unwrap();
    world.until("it runs", || async { world.shared.runs_of("one") == 1 }).await;
    let joined = world.engine.task_enqueue(&world.tenant, unique(&toy, OnTaken::Join), Vec::new()).await.unwrap();
    assert_eq!(joined, first);
    let own = base::store::Write::put(
        base::store::Key::new(EFFECTS, base::key![world.tenant, "own"], "input"),
        base::store::Body::data("{}"),
    );
    let again =
        world.engine.task_enqueue(&world.tenant, unique(&toy, OnTaken::Again), vec![own.clone()]).await.unwrap();
    assert_eq!(again, first);
    assert!(world.store.get(own.key).await.unwrap().is_some());
    world.shared.gate.add_permits(10);
    world.until("it ran twice", || async { world.effect("one").await == 2 }).await;
    world.until("it is gone", || async { world.engine.worker_list()[0].running == 0 }).await;
    world.assert_nothing_left().await;
    let next = world.engine.task_enqueue(&world.tenant, unique(&toy, OnTaken::Join), Vec::new()).await.unwrap();
    assert_ne!(next, first);
}

#[tokio::test]
async fn a_unique_job_is_joined_while_it_is_open() {
    let world = World::new().work();
    let toys = serde_json::to_string(&[Toy { gated: true, ..Toy::named("gated", 1) }]).unwrap();
    let new = || NewJob { unique: Some("users".to_owned()), ..NewJob::new("toy", toys.clone()) };
    let first = world.engine.job_enqueue(&world.ctx(), new()).await.unwrap();
    let second = world.engine.job_enqueue(&world.ctx(), new()).await.unwrap();
    assert_eq!((first.joined, second.joined, second.job.id), (false, true, first.job.id));
    world.shared.gate.add_permits(10);
    world.settled(first.job.id).await;
    let third = world.engine.job_enqueue(&world.ctx(), new()).await.unwrap();
    assert!(!third.joined);
}

#[tokio::test]
async fn the_same_request_made_twice_is_one_job() {
    let world = World::new();
    let ctx = world.ctx();
    let new = NewJob::new("toy", "[]".to_owned());
    let first = world.engine.job_enqueue(&ctx, new.clone()).await.unwrap();
    let second = world.engine.job_enqueue(&ctx, new).await.unwrap();
    assert_eq!(first.job.id, second.job.id);
    let total = world.engine.job_total(&world.tenant, &jobs::JobFilter::default()).await.unwrap();
    assert_eq!(total, 1);
}

#[tokio::test]
async fn concurrency_of_a_kind_holds() {
    let world = World::new().work();
    let toys: Vec<Toy> = (0..30).map(|n| Toy::named(n, 1)).collect();
    let new = NewJob::new("toy.narrow", serde_json::to_string(&toys).unwrap());
    let id = world.engine.job_enqueue(&world.ctx(), new).await.unwrap().job.id;
    assert_eq!(world.settled(id).await.counts.processed, 30);
    assert!(world.shared.most_at_once() <= 2, "{}", world.shared.most_at_once());
    world.assert_nothing_left().await;
}

/// Its slot expired while it ran, as it does when the process is stopped for a while; and meanwhile there is
/// new input.
#[tokio::test]
async fn a_task_whose_slot_expired_ends_and_runs_once_more_for_new_input() {
    let world = World::new().work();
    let toy = Toy { gated: true, ..Toy::named("narrow", 1) };
    let payload = serde_json::to_string(&toy).unwrap();
    let unique = Some(("key".to_owned(), OnTaken::Again));
    let new = || NewTask { unique: unique.clone(), ..NewTask::new("toy.task.narrow", payload.clone()) };
    world.engine.task_enqueue(&world.tenant, new(), Vec::new()).await.unwrap();
    world.until("it runs", || async { world.shared.runs_of("narrow") == 1 }).await;
    let mut slots = world.items().await;
    slots.retain(|item| item.text("holder").is_some() && item.body.expires.is_some());
    assert_eq!(slots.len(), 1, "{slots:?}");
    world.store.write(vec![Write::delete(slots.remove(0).key)]).await.unwrap();
    world.engine.task_enqueue(&world.tenant, new(), Vec::new()).await.unwrap();
    world.shared.gate.add_permits(2);
    world.until("it ran twice", || async { world.effect("narrow").await == 2 }).await;
    world.until("it ended", || async { world.engine.worker_list()[0].running == 0 }).await;
    assert_eq!(world.shared.runs_of("narrow"), 2);
    world.assert_nothing_left().await;
}

#[tokio::test]
async fn rate_limits_wait_without_charging_an_attempt() {
    let world = World::new().work();
    let toy = Toy { limited_s: Some(600), flaky: 0, ..Toy::named("limited", 1) };
    world.engine.task_enqueue(&world.tenant, task(&toy), Vec::new()).await.unwrap();
    let before = base::Clock::now(&world.clock);
    world.until("it ran", || async { world.effect("limited").await == 1 }).await;
    assert!(base::Clock::now(&world.clock).duration_since(before).as_secs() >= 600);
    assert_eq!(world.shared.runs_of("limited"), 2);
}

#[tokio::test]
async fn stopping_hands_back_without_charging_an_attempt() {
    let mut world = World::new().work();
    let toy = Toy { gated: true, ..Toy::named("held", 1) };
    world.engine.task_enqueue(&world.tenant, task(&toy), Vec::new()).await.unwrap();
    world.until("it runs", || async { world.shared.runs_of("held") == 1 }).await;
    assert!(!world.stop().await);
    let next = world.after_a_kill().work();
    next.shared.gate.add_permits(1);
    next.until("it ran", || async { next.effect("held").await == 1 }).await;
    next.until("nothing runs", || async { next.engine.worker_list()[0].running == 0 }).await;
    next.assert_nothing_left().await;
}

#[tokio::test]
async fn a_killed_process_leaves_its_tasks_to_the_next() {
    let world = World::new().work();
    let toys: Vec<Toy> = (0..40).map(|n| Toy { gated: true, ..Toy::named(n, 1) }).collect();
    let id = world.start(&toys).await;
    world.until("all run", || async { world.shared.most_at_once() == 40 }).await;
    let next = world.after_a_kill().work();
    next.shared.gate.add_permits(1_000);
    let job = next.settled(id).await;
    assert_eq!((job.counts.processed, job.counts.batches_completed), (40, 40));
    // The old process wakes up and tries to finish: nothing of it counts.
    world.shared.gate.add_permits(1_000);
    world.until("the zombies are done", || async { world.engine.worker_list()[0].running == 0 }).await;
    for toy in &toys {
        assert_eq!(next.effect(&toy.name).await, 1, "{}", toy.name);
    }
    assert_eq!(next.job(id).await.counts.processed, 40);
}
