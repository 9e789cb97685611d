//! The lives of jobs.

use jobs::{BatchState, JobFilter, JobStatus, LogFilter, NewJob, Stream};

use crate::world::{Toy, World};

#[tokio::test]
async fn a_job_runs_to_its_end_and_counts_exactly() {
    let world = World::new().work();
    let toys: Vec<Toy> = (0..55).map(|n| Toy::named(n, n)).collect();
    let id = world.start(&toys).await;
    let job = world.settled(id).await;
    assert_eq!(job.status, JobStatus::Completed);
    let total = (0..55).sum::<i64>();
    assert_eq!((job.counts.total, job.counts.processed, job.counts.failed), (total, total, 0));
    assert_eq!((job.counts.batches, job.counts.batches_completed), (55, 55));
    assert_eq!(job.counts.extra["seen"], 2 * total);
    for toy in &toys {
        assert_eq!(world.effect(&toy.name).await, 1, "{}", toy.name);
    }
    world.assert_nothing_left().await;
}

#[tokio::test]
async fn a_job_without_batches_completes() {
    let world = World::new().work();
    let id = world.start(&[]).await;
    assert_eq!(world.settled(id).await.status, JobStatus::Completed);
}

#[tokio::test]
async fn transient_failures_are_retried_and_permanent_ones_are_dead_letters() {
    let world = World::new().work();
    let flaky = Toy { flaky: 2, ..Toy::named("flaky", 3) };
    let hopeless = Toy { flaky: 9, ..Toy::named("hopeless", 5) };
    let permanent = Toy { permanent: true, ..Toy::named("permanent", 7) };
    let id = world.start(&[flaky, hopeless, permanent, Toy::named("good", 11)]).await;
    let job = world.settled(id).await;
    assert_eq!(job.status, JobStatus::CompletedWithErrors);
    assert_eq!((job.counts.total, job.counts.processed, job.counts.failed), (26, 14, 12));
    assert_eq!((job.counts.batches_completed, job.counts.batches_failed), (2, 2));
    assert_eq!((world.shared.runs_of("flaky"), world.shared.runs_of("hopeless")), (3, 3));
    assert_eq!(world.shared.runs_of("permanent"), 1);
    let letters = world.engine.dead_list(&world.tenant, None, 10, None).await.unwrap().items;
    assert_eq!(letters.len(), 2);
    let permanent = letters.iter().find(|letter| letter.reason == "never").unwrap();
    assert_eq!(permanent.context["asked"], "permanent");
    let batches = world.engine.batch_list(&world.tenant, id, 10, None).await.unwrap().items;
    let states: Vec<_> = batches.iter().map(|batch| batch.state).collect();
    let expected = [BatchState::Completed, BatchState::Failed, BatchState::Failed, BatchState::Completed];
    assert_eq!(states, expected);
    let filter = LogFilter { stream: Some(Stream::Error), record: None };
    let errors = world.engine.log_list(&world.tenant, id, &filter, 10, None).await.unwrap().items;
    let of = |event: &str| errors.iter().filter(|line| line.event.starts_with(event)).count();
    assert_eq!((errors.len(), of("attempt_failed"), of("batch_failed")), (6, 4, 2));
}

#[tokio::test]
async fn redriving_a_mended_letter_completes_the_job() {
    let world = World::new().work();
    let id = world.start(&[Toy { permanent: true, ..Toy::named("bad", 7) }, Toy::named("good", 1)]).await;
    assert_eq!(world.settled(id).await.status, JobStatus::CompletedWithErrors);
    let letter = world.engine.dead_list(&world.tenant, Some("toy"), 10, None).await.unwrap().items.remove(0);
    let ctx = world.ctx();
    let mended = serde_json::to_string(&Toy::named("mended", 7)).unwrap();
    world.engine.dead_mend(&ctx, letter.id, mended).await.unwrap();
    world.engine.dead_redrive(&ctx, letter.id).await.unwrap();
    let job = world.settled(id).await;
    assert_eq!(job.status, JobStatus::Completed);
    assert_eq!((job.counts.processed, job.counts.failed, job.counts.batches_failed), (8, 0, 0));
    assert_eq!(world.effect("mended").await, 1);
    assert!(world.engine.dead_list(&world.tenant, None, 10, None).await.unwrap().items.is_empty());
    assert!(world.engine.dead_redrive(&ctx, letter.id).await.is_err());
    world.assert_nothing_left().await;
}

#[tokio::test]
async fn retry_takes_up_failed_batches_and_their_letters() {
    let world = World::new().work();
    let toys: Vec<Toy> = (0..25).map(|n| Toy { permanent: n % 5 == 0, ..Toy::named(n, 2) }).collect();
    let id = world.start(&toys).await;
    assert_eq!(world.settled(id).await.counts.failed, 10);
    assert_eq!(world.engine.job_retry(&world.ctx(), id, true).await.unwrap(), 5);
    world.until("it runs again", || async { world.shared.runs_of("20") == 2 }).await;
    let job = world.settled(id).await;
    assert_eq!((job.counts.total, job.counts.processed, job.counts.failed), (50, 40, 10));
    assert_eq!((job.counts.batches, job.counts.batches_failed), (25, 5));
    assert_eq!(world.shared.runs_of("1"), 1);
    assert_eq!(world.engine.dead_list(&world.tenant, None, 100, None).await.unwrap().items.len(), 5);
}

#[tokio::test]
async fn a_fatal_failure_stops_the_job_and_retry_takes_up_the_rest() {
    let world = World::new().work();
    let mut toys = vec![Toy { fatal: true, ..Toy::named("fatal", 1) }];
    toys.extend((0..60).map(|n| Toy { gated: true, ..Toy::named(n, 1) }));
    let id = world.start(&toys).await;
    world.until("it is failing", || async { world.shared.runs_of("fatal") == 1 }).await;
    world.shared.gate.add_permits(100);
    let job = world.settled(id).await;
    assert_eq!(job.status, JobStatus::Failed);
    assert_eq!(job.error.as_deref(), Some("the whole job is senseless"));
    assert_eq!(
        job.counts.batches,
        job.counts.batches_completed + job.counts.batches_failed + job.counts.batches_dropped
    );
    world.assert_nothing_left().await;
    let queued = world.engine.job_retry(&world.ctx(), id, true).await.unwrap();
    assert_eq!(queued, job.counts.batches_failed + job.counts.batches_dropped);
    world.until("it failed once more", || async { world.shared.runs_of("fatal") == 2 }).await;
    assert_eq!(world.settled(id).await.status, JobStatus::Failed);
    world.assert_nothing_left().await;
}

#[tokio::test]
async fn long_payloads_are_planned_buried_and_redriven() {
    let world = World::new().work();
    let long = |name: usize| Toy { permanent: name == 0, ..Toy::named(format!("{name}{}", "\"".repeat(90_000)), 1) };
    let id = world.start(&[long(0)]).await;
    assert_eq!(world.settled(id).await.counts.failed, 1);
    let letter = world.engine.dead_list(&world.tenant, None, 10, None).await.unwrap().items.remove(0);
    let whole = world.engine.dead_get(&world.tenant, letter.id).await.unwrap().unwrap();
    assert_eq!(serde_json::from_str::<Toy>(&whole.payload).unwrap().name, long(0).name);
    world.engine.dead_redrive(&world.ctx(), letter.id).await.unwrap();
    world.until("it failed once more", || async { world.shared.runs_of(&long(0).name) == 2 }).await;
    assert_eq!(world.settled(id).await.counts.failed, 1);
    world.assert_nothing_left().await;
}

#[tokio::test]
async fn a_cancelled_job_gives_its_unique_key_back_at_once() {
    let world = World::new().work();
    let toys = serde_json::to_string(&[Toy { gated: true, ..Toy::named("held", 1) }]).unwrap();
    let new = || NewJob { unique: Some("users".to_owned()), ..NewJob::new("toy", toys.clone()) };
    let first = world.engine.job_enqueue(&world.ctx(), new()).await.unwrap().job.id;
    world.until("it runs", || async { world.shared.runs_of("held") == 1 }).await;
    world.engine.job_cancel(&world.ctx(), first).await.unwrap();
    let second = world.engine.job_enqueue(&world.ctx(), new()).await.unwrap();
    assert!(!second.joined);
    world.settled(first).await;
    world.shared.gate.add_permits(1);
    assert_eq!(world.settled(second.job.id).await.status, JobStatus::Completed);
}

#[tokio::test]
async fn cancel_gives_up_what_waits_and_tells_what_runs() {
    let world = World::new().work();
    let toys: Vec<Toy> = (0..200).map(|n| Toy { gated: true, ..Toy::named(n, 1) }).collect();
    let id = world.start(&toys).await;
    world.until("some run", || async { world.shared.most_at_once() > 10 }).await;
    world.engine.job_cancel(&world.ctx(), id).await.unwrap();
    assert_eq!(world.job(id).await.status, JobStatus::Cancelled);
    let job = world.settled(id).await;
    assert_eq!(job.status, JobStatus::Cancelled);
    assert_eq!((job.counts.processed, job.counts.batches_dropped), (0, job.counts.batches));
    assert!(world.engine.job_cancel(&world.ctx(), id).await.is_err());
    world.assert_nothing_left().await;
}

#[tokio::test]
async fn pause_holds_and_resume_lets_go() {
    let world = World::new().work();
    let toys: Vec<Toy> = (0..150).map(|n| Toy { gated: true, ..Toy::named(n, 1) }).collect();
    let id = world.start(&toys).await;
    world.until("some run", || async { world.shared.most_at_once() > 10 }).await;
    world.engine.job_pause(&world.ctx(), id).await.unwrap();
    world.shared.gate.add_permits(1_000);
    world.until("running batches finish", || async { world.engine.worker_list()[0].running == 0 }).await;
    let held = world.job(id).await;
    assert_eq!(held.status, JobStatus::Paused);
    assert!(held.counts.processed < 150);
    world.clock.advance(std::time::Duration::from_secs(300));
    for _ in 0..2_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.job(id).await.counts.processed, held.counts.processed);
    world.engine.job_resume(&world.ctx(), id).await.unwrap();
    assert_eq!(world.settled(id).await.counts.processed, 150);
    world.assert_nothing_left().await;
}

#[tokio::test]
async fn lists_and_totals_follow_each_change() {
    let world = World::new().work();
    let mut ids = Vec::new();
    for n in 0..5 {
        world.clock.advance(std::time::Duration::from_millis(3));
        ids.push(world.start(&[Toy { permanent: n % 2 == 0, ..Toy::named(n, 1) }]).await);
    }
    for id in &ids {
        world.settled(*id).await;
    }
    let engine = &world.engine;
    let list = |status, kinds| JobFilter { status, kinds };
    let all = engine.job_list(&world.tenant, &list(None, None), 3, None).await.unwrap();
    let newest: Vec<_> = all.items.iter().map(|job| job.id).collect();
    assert_eq!(newest, [ids[4], ids[3], ids[2]]);
    let rest = engine.job_list(&world.tenant, &list(None, None), 3, all.next).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (2, None));
    for (status, expected) in [(JobStatus::CompletedWithErrors, 3), (JobStatus::Completed, 2), (JobStatus::Running, 0)]
    {
        let filter = list(Some(status), Some(vec!["toy".to_owned()]));
        assert_eq!(engine.job_list(&world.tenant, &filter, 10, None).await.unwrap().items.len(), expected);
        assert_eq!(engine.job_total(&world.tenant, &filter).await.unwrap(), expected as u64);
    }
    let stats = engine.stats(&world.tenant).await.unwrap();
    assert_eq!((stats.settled, stats.records_processed, stats.records_failed), (5, 2, 3));
}

#[tokio::test]
async fn retention_removes_jobs_together_with_their_counts() {
    let world = World::new().work();
    let id = world.start(&[Toy { permanent: true, ..Toy::named("old", 1) }]).await;
    world.settled(id).await;
    world.clock.advance(std::time::Duration::from_secs(31 * 86_400));
    let gone = || async { world.engine.job_get(&world.tenant, id).await.unwrap().is_none() };
    world.until("the job is pruned", gone).await;
    assert_eq!(world.engine.job_total(&world.tenant, &JobFilter::default()).await.unwrap(), 0);
    assert!(world.engine.dead_list(&world.tenant, None, 10, None).await.unwrap().items.is_empty());
    assert!(world.engine.batch_list(&world.tenant, id, 10, None).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn at_most_ten_jobs_of_a_tenant_run_and_the_places_come_back() {
    let world = World::new().work();
    let mut ids = Vec::new();
    for n in 0..14 {
        ids.push(world.start(&[Toy { gated: true, ..Toy::named(n, 1) }]).await);
    }
    world.until("ten run", || async { world.shared.most_at_once() == 10 }).await;
    let filter = JobFilter { status: Some(JobStatus::Running), kinds: None };
    assert_eq!(world.engine.job_total(&world.tenant, &filter).await.unwrap(), 10);
    world.shared.gate.add_permits(100);
    for id in ids {
        assert_eq!(world.settled(id).await.status, JobStatus::Completed);
    }
    assert_eq!(world.shared.most_at_once(), 10);
}
