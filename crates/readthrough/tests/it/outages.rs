//! The store is away, or the cache forgets.

use base::ErrorKind;
use base::kept::{Demand, Origin, Trouble};
use readthrough::{Behind, Producer};

use crate::world::{CACHED, SECOND, STALENESS, World, text};

#[tokio::test]
async fn what_is_cached_is_given_out_while_the_store_is_away() {
    for producer in [Producer::Inline, Producer::Queued] {
        let world = World::new(producer);
        if producer == Producer::Queued {
            let job = world.job().await;
            world.run(job).await;
        }
        world.read().await;
        world.away(true);
        world.pass(CACHED - SECOND * 10).await;
        assert_eq!(world.seen().await, ("1".to_owned(), Origin::Cache, None));
    }
}

#[tokio::test]
async fn what_nothing_is_known_of_is_computed_inline_and_not_stored() {
    let world = World::new(Producer::Inline);
    world.away(true);
    assert_eq!(world.seen().await, ("1".to_owned(), Origin::Computed, Some(Trouble::Store)));
    assert_eq!(world.seen().await, ("1".to_owned(), Origin::Cache, None));
    world.away(false);
    assert_eq!(world.copy(Behind::Here).seen().await, ("2".to_owned(), Origin::Computed, None));
}

#[tokio::test]
async fn what_only_a_job_computes_is_refused_while_none_can_be_made() {
    let world = World::new(Producer::Queued);
    world.away(true);
    assert_eq!(world.error().await.kind(), ErrorKind::Unavailable);
    world.away(false);
    world.pass(SECOND).await;
    world.settle().await;
    let job = world.job().await;
    world.run(job).await;
    // Cached, and stale for a caller who asks for a newer one than is there.
    world.pass(SECOND * 2).await;
    world.away(true);
    let newer = Demand { age_max: Some(SECOND), ..Demand::default() };
    let last = crate::world::kept(world.demand(newer).await);
    assert_eq!((last.origin, last.trouble), (Origin::Cache, Some(Trouble::Store)));
}

/// The store was asked once in vain, and is there again when the answer is stored.
#[tokio::test]
async fn what_was_computed_takes_the_place_of_an_older_answer_that_was_not_seen() {
    let world = World::new(Producer::Inline);
    world.read().await;
    world.pass(STALENESS + SECOND).await;
    let other = world.copy(Behind::Here);
    other.away(true);
    world.numbers.hold();
    let (outcome, ()) = tokio::join!(other.read(), async {
        tokio::task::yield_now().await;
        other.away(false);
        world.numbers.let_go();
    });
    assert_eq!((text(&outcome).as_str(), outcome.origin, outcome.trouble), ("2", Origin::Computed, None));
    assert_eq!(world.copy(Behind::Here).seen().await, ("2".to_owned(), Origin::Store, None));
}

/// Emptied this instant, answers would be slower, not different.
#[tokio::test]
async fn a_cache_that_forgets_changes_nothing() {
    let world = World::new(Producer::Inline);
    world.read().await;
    for _ in 0..3 {
        world.pass(STALENESS / 4).await;
        assert_eq!(world.copy(Behind::Here).seen().await, ("1".to_owned(), Origin::Store, None));
    }
    assert_eq!(world.numbers.computed(), 1);
}
