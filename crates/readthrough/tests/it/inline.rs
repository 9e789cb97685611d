//! Computed while the caller waits.

use std::time::Duration;

use base::ErrorKind;
use base::kept::{Origin, Trouble};
use futures::future::join_all;
use readthrough::{Asked, Behind, Outcome, Producer};

use crate::world::{ABSENCE, CACHED, IF_FAILING, SECOND, STALENESS, WHILE_REFRESHED, World, kept, text};

#[tokio::test]
async fn an_answer_is_computed_once_and_then_cached_and_then_stored() {
    let world = World::new(Producer::Inline);
    assert_eq!(world.seen().await, ("1".to_owned(), Origin::Computed, None));
    assert_eq!(world.seen().await, ("1".to_owned(), Origin::Cache, None));
    world.pass(CACHED).await;
    assert_eq!(world.seen().await, ("1".to_owned(), Origin::Store, None));
    assert_eq!(world.seen().await, ("1".to_owned(), Origin::Cache, None));
    // Another copy has nothing cached, and computes nothing either.
    assert_eq!(world.copy(Behind::Here).seen().await, ("1".to_owned(), Origin::Store, None));
    assert_eq!(world.numbers.computed(), 1);
}

#[tokio::test]
async fn what_is_stale_is_given_out_and_computed_anew_behind_it() {
    let world = World::new(Producer::Inline);
    let first = world.read().await;
    world.pass(STALENESS).await;
    assert_eq!(world.seen().await.0, "1");
    world.pass(Duration::from_micros(1)).await;
    assert_eq!(world.seen().await, ("1".to_owned(), Origin::Store, None));
    world.settle().await;
    let second = world.read().await;
    assert_eq!((text(&second).as_str(), second.origin), ("2", Origin::Cache));
    assert_ne!(first.tag, second.tag);
    // What may not be given out any more is waited for.
    world.pass(STALENESS + WHILE_REFRESHED + Duration::from_micros(1)).await;
    assert_eq!(world.seen().await, ("3".to_owned(), Origin::Computed, None));
}

#[tokio::test]
async fn a_thousand_who_ask_at_once_have_it_computed_once() {
    let world = World::new(Producer::Inline);
    let all = join_all((0..1_000).map(|_| world.read())).await;
    assert!(all.iter().all(|kept| text(kept) == "1"));
    assert_eq!(all.iter().filter(|kept| kept.origin == Origin::Computed).count(), 1);
    for n in 2..=31 {
        world.pass(STALENESS + SECOND).await;
        let stale = join_all((0..1_000).map(|_| world.read())).await;
        assert!(stale.iter().all(|kept| text(kept) == (n - 1).to_string() || text(kept) == n.to_string()));
        world.settle().await;
        assert_eq!(world.numbers.computed(), n);
    }
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_the_work_to_others() {
    let world = World::new(Producer::Inline);
    world.numbers.hold();
    let gone = tokio::time::timeout(Duration::from_millis(10), world.read()).await;
    assert!(gone.is_err());
    world.numbers.let_go();
    world.settle().await;
    assert_eq!(world.seen().await, ("1".to_owned(), Origin::Cache, None));
    assert_eq!(world.numbers.computed(), 1);
}

#[tokio::test]
async fn while_it_fails_the_last_good_answer_is_given_out_for_a_while() {
    let world = World::new(Producer::Inline);
    world.read().await;
    world.numbers.fails(true);
    world.pass(STALENESS + SECOND).await;
    assert_eq!(world.seen().await, ("1".to_owned(), Origin::Store, None));
    world.pass(Duration::ZERO).await;
    // It is known to fail now, and is not asked again at once.
    for _ in 0..3 {
        assert_eq!(world.seen().await, ("1".to_owned(), Origin::Store, Some(Trouble::Producer)));
    }
    assert_eq!(world.numbers.computed(), 2);
    world.pass(IF_FAILING - SECOND * 2).await;
    world.settle().await;
    // So stale that it is waited for, and still given out when that fails.
    assert_eq!(world.seen().await, ("1".to_owned(), Origin::Store, Some(Trouble::Producer)));
    world.pass(SECOND + Duration::from_micros(1)).await;
    world.settle().await;
    assert_eq!(world.error().await.kind(), ErrorKind::Upstream);
    world.numbers.fails(false);
    world.pass(SECOND).await;
    world.settle().await;
    assert_eq!(world.seen().await.1, Origin::Computed);
}

#[tokio::test]
async fn that_there_is_no_such_thing_is_believed_for_a_while() {
    let world = World::new(Producer::Inline);
    world.numbers.says(Ok(None));
    for _ in 0..3 {
        assert!(matches!(world.ask(Asked::default()).await.unwrap(), Outcome::Absent));
    }
    assert!(matches!(world.copy(Behind::Here).ask(Asked::default()).await.unwrap(), Outcome::Absent));
    assert_eq!(world.numbers.computed(), 1);
    world.pass(ABSENCE + SECOND).await;
    world.settle().await;
    assert_eq!(world.seen().await, ("2".to_owned(), Origin::Computed, None));
}

#[tokio::test]
async fn what_takes_too_long_is_given_up() {
    let world = World::new(Producer::Inline);
    world.numbers.hold();
    let (error, ()) = tokio::join!(world.error(), async {
        tokio::task::yield_now().await;
        world.pass(Duration::from_secs(20)).await;
    });
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn the_answer_of_another_copy_that_was_faster_counts() {
    let world = World::new(Producer::Inline);
    let other = world.copy(Behind::Here);
    world.numbers.hold();
    let (slow, fast) = tokio::join!(world.read(), async {
        tokio::task::yield_now().await;
        world.numbers.let_go();
        other.read().await
    });
    assert_eq!(world.numbers.computed(), 2);
    let last = [text(&slow), text(&fast), world.seen().await.0, other.seen().await.0];
    assert!(last.iter().all(|text| *text == last[0]), "{last:?}");
}

/// On Lambda nothing runs after the answer: a job computes anew what is stale.
#[tokio::test]
async fn where_nothing_runs_on_what_is_stale_is_computed_by_a_job() {
    let world = World::on(Producer::Inline, Behind::Queued, None);
    assert_eq!(world.seen().await, ("1".to_owned(), Origin::Computed, None));
    world.pass(STALENESS + SECOND).await;
    let stale = world.read().await;
    assert_eq!(text(&stale), "1");
    world.settle().await;
    assert_eq!(world.numbers.computed(), 1);
    world.run(stale.refresh.unwrap()).await;
    assert_eq!(world.seen().await.0, "2");
    assert_eq!(kept(world.ask(Asked::default()).await).refresh, None);
}
