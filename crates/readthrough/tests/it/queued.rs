//! Computed by a job.

use std::time::Duration;

use base::kept::{Demand, Origin, Trouble};
use base::{ErrorKind, Scope};
use futures::future::join_all;
use jobs::{JobFilter, JobStatus};
use readthrough::refresh::FAILED_FOR;
use readthrough::{Asked, Behind, Outcome, Producer};

use crate::world::{IF_FAILING, SECOND, STALENESS, WHILE_REFRESHED, World, kept, text};

#[tokio::test]
async fn the_first_who_ask_get_the_job_and_the_next_its_answer() {
    let world = World::new(Producer::Queued);
    let job = world.job().await;
    assert_eq!(world.job().await, job, "who asks while it is under way joins it");
    let durable = world.copy(Behind::Here).engine.job_get(&world.tenant, job).await.unwrap().unwrap();
    assert_eq!((durable.kind.as_str(), durable.created_by.as_str()), ("test.numbers", "system"));
    assert_eq!(durable.details["subject"][0], "0xab");
    assert_eq!(world.numbers.computed(), 0);
    let ended = world.run(job).await;
    assert_eq!((ended.status, ended.counts.processed), (JobStatus::Completed, 1));
    // The job let the cache of the copy know in which it ran.
    assert_eq!(world.seen().await, ("1".to_owned(), Origin::Cache, None));
    assert_eq!(world.copy(Behind::Here).seen().await, ("1".to_owned(), Origin::Store, None));
    assert_eq!(world.engine.registry().job_scopes().collect::<Vec<_>>(), [("test.numbers", Scope::TokensRead)]);
}

#[tokio::test]
async fn thirty_times_a_thousand_who_ask_for_what_is_stale_start_thirty_jobs() {
    let world = World::new(Producer::Queued);
    let other = world.copy(Behind::Here);
    let first = world.job().await;
    world.run(first).await;
    for n in 2..=31 {
        world.pass(STALENESS + SECOND).await;
        let (here, there) =
            tokio::join!(join_all((0..500).map(|_| world.read())), join_all((0..500).map(|_| other.read())));
        let all: Vec<_> = here.into_iter().chain(there).collect();
        assert!(all.iter().all(|kept| text(kept) == (n - 1).to_string()));
        let job = all[0].refresh.unwrap();
        assert!(all.iter().all(|kept| kept.refresh == Some(job)));
        world.run(job).await;
        assert_eq!(world.numbers.computed(), n);
    }
    let jobs = world.engine.job_total(&world.tenant, &JobFilter::default()).await.unwrap();
    assert_eq!(jobs, 31);
}

/// It saw what was stale, and asked for a job only when that had been computed anew.
#[tokio::test]
async fn who_read_it_late_starts_no_second_job() {
    let world = World::new(Producer::Queued);
    let first = world.job().await;
    world.run(first).await;
    world.pass(STALENESS + SECOND).await;
    let stale = world.stored().await;
    let refresh = world.read().await.refresh.unwrap();
    world.run(refresh).await;
    // Another copy looked before that, and asks only now.
    let late = world.copy(Behind::Here);
    late.shows(stale);
    let kept = late.read().await;
    assert_eq!((text(&kept).as_str(), kept.refresh), ("2", None));
    assert_eq!(world.engine.job_total(&world.tenant, &JobFilter::default()).await.unwrap(), 2);
}

#[tokio::test]
async fn who_prefers_to_wait_gets_what_the_job_computes() {
    let world = World::new(Producer::Queued);
    let waits = Asked { wait: Duration::from_secs(10), ..Asked::default() };
    let answer = kept(world.meanwhile(world.ask(waits)).await);
    assert_eq!((text(&answer).as_str(), answer.origin), ("1", Origin::Computed));
    // Who waits in vain gets the job after all.
    let newer = Demand { age_max: Some(Duration::ZERO), ..Demand::default() };
    world.pass(SECOND).await;
    let (outcome, ()) = tokio::join!(world.ask(Asked { demand: newer, ..waits }), async {
        for _ in 0..40 {
            world.pass(SECOND / 2).await;
        }
    });
    assert!(matches!(outcome.unwrap(), Outcome::Queued(_)));
}

#[tokio::test]
async fn a_job_that_failed_is_told_and_tried_again_a_minute_later() {
    let world = World::new(Producer::Queued);
    world.numbers.says(Err(base::Error::new(ErrorKind::Invalid, "never")));
    let job = world.job().await;
    let failed = world.run(job).await;
    assert_ne!(failed.status, JobStatus::Completed);
    for _ in 0..3 {
        let error = world.error().await;
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.message().contains(&job.to_string()), "{error}");
        assert!(error.retry_after().unwrap() <= FAILED_FOR);
    }
    world.pass(FAILED_FOR).await;
    let again = world.job().await;
    assert_ne!(again, job);
    world.run(again).await;
    assert_eq!(world.seen().await.0, "2");
}

/// It saw that there was nothing, and asks for a job when one has just failed.
#[tokio::test]
async fn who_looked_before_a_job_failed_starts_no_second_one() {
    let world = World::new(Producer::Queued);
    let nothing = world.stored().await;
    world.numbers.says(Err(base::Error::new(ErrorKind::Invalid, "never")));
    let job = world.job().await;
    world.run(job).await;
    let late = world.copy(Behind::Here);
    late.shows(nothing);
    assert!(late.error().await.message().contains(&job.to_string()));
    assert_eq!(world.engine.job_total(&world.tenant, &JobFilter::default()).await.unwrap(), 1);
}

#[tokio::test]
async fn who_waits_for_a_job_that_fails_gets_the_last_good_answer() {
    let world = World::new(Producer::Queued);
    let waits = Asked { wait: Duration::from_secs(200), ..Asked::default() };
    let first = world.job().await;
    world.run(first).await;
    world.pass(STALENESS + WHILE_REFRESHED + SECOND).await;
    world.numbers.says(Err(base::Error::new(ErrorKind::Invalid, "never")));
    let last = kept(world.meanwhile(world.ask(waits)).await);
    assert_eq!((text(&last).as_str(), last.trouble), ("1", Some(Trouble::Producer)));
}

/// A run that committed and was lost before it said so runs again.
#[tokio::test]
async fn a_job_that_runs_twice_leaves_one_answer() {
    let world = World::new(Producer::Queued);
    let job = world.job().await;
    world.loses_a_reply();
    world.run(job).await;
    assert!(world.numbers.computed() >= 2, "it ran once");
    assert_eq!(world.engine.job_total(&world.tenant, &JobFilter::default()).await.unwrap(), 1);
    let kept = world.read().await;
    assert_eq!((kept.trouble, kept.refresh), (None, None));
}

#[tokio::test]
async fn while_jobs_fail_the_last_good_answer_is_given_out_for_a_while() {
    let world = World::new(Producer::Queued);
    let first = world.job().await;
    world.run(first).await;
    world.pass(STALENESS + SECOND).await;
    world.numbers.says(Err(base::Error::new(ErrorKind::Invalid, "never")));
    let refresh = world.read().await.refresh.unwrap();
    world.run(refresh).await;
    let stale = world.read().await;
    assert_eq!((text(&stale).as_str(), stale.trouble, stale.refresh), ("1", Some(Trouble::Producer), None));
    // Past what may be given out while it is computed anew, a job has to have failed lately.
    world.pass(WHILE_REFRESHED).await;
    world.numbers.says(Err(base::Error::new(ErrorKind::Invalid, "never")));
    let job = world.job().await;
    world.run(job).await;
    assert_eq!(world.seen().await, ("1".to_owned(), Origin::Store, Some(Trouble::Producer)));
    world.pass(IF_FAILING).await;
    world.job().await;
}
