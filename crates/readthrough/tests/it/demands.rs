//! What callers ask of the age of an answer.

use std::time::Duration;

use base::ErrorKind;
use base::kept::{Demand, Origin};
use readthrough::{Behind, Producer};

use crate::world::{SECOND, STALENESS, World, kept, text};

fn age_max(age: Duration) -> Demand {
    Demand { age_max: Some(age), ..Demand::default() }
}

const ONLY_KEPT: Demand = Demand { age_max: None, stale_max: None, only_kept: true };

#[tokio::test]
async fn who_asks_for_a_newer_one_waits_for_it() {
    let world = World::new(Producer::Inline);
    world.read().await;
    world.pass(SECOND * 10).await;
    world.settle().await;
    assert_eq!(text(&kept(world.demand(age_max(SECOND * 10)).await)), "1");
    let newer = kept(world.demand(age_max(SECOND * 9)).await);
    assert_eq!((text(&newer).as_str(), newer.origin), ("2", Origin::Computed));
    // At most once a second, whatever is asked.
    for _ in 0..100 {
        assert_eq!(text(&kept(world.demand(age_max(Duration::ZERO)).await)), "2");
    }
    world.pass(SECOND).await;
    world.settle().await;
    assert_eq!(text(&kept(world.demand(age_max(Duration::ZERO)).await)), "3");
}

#[tokio::test]
async fn who_takes_nothing_stale_waits_and_is_told_when_it_fails() {
    let world = World::new(Producer::Inline);
    world.read().await;
    world.pass(STALENESS + SECOND * 5).await;
    world.numbers.fails(true);
    let demand = |stale| Demand { stale_max: Some(SECOND * stale), ..Demand::default() };
    assert_eq!(world.demand(demand(4)).await.unwrap_err().kind(), ErrorKind::Upstream);
    assert_eq!(text(&kept(world.demand(demand(5)).await)), "1");
    world.numbers.fails(false);
    world.pass(SECOND).await;
    world.settle().await;
    assert_eq!(text(&kept(world.demand(demand(0)).await)), "3");
}

/// Who asks for an age wants nothing stale, unless they say so (RFC 9111, 5.2.1.1).
#[tokio::test]
async fn who_asks_for_an_age_takes_nothing_stale() {
    let world = World::new(Producer::Inline);
    world.read().await;
    world.pass(STALENESS + SECOND).await;
    let hour = age_max(SECOND * 3_600);
    let lenient = Demand { stale_max: Some(Duration::MAX), ..hour };
    assert_eq!(text(&kept(world.demand(lenient).await)), "1");
    world.settle().await;
    world.pass(STALENESS + SECOND).await;
    assert_eq!(text(&kept(world.demand(hour).await)), "3");
}

#[tokio::test]
async fn who_wants_only_what_is_kept_starts_nothing() {
    for producer in [Producer::Inline, Producer::Queued] {
        let world = World::new(producer);
        assert_eq!(world.demand(ONLY_KEPT).await.unwrap_err().kind(), ErrorKind::Timeout);
        assert_eq!(world.numbers.computed(), 0);
        if producer == Producer::Queued {
            let job = world.job().await;
            world.run(job).await;
        }
        world.read().await;
        assert_eq!(kept(world.demand(ONLY_KEPT).await).origin, Origin::Cache);
        let elsewhere = kept(world.copy(Behind::Here).demand(ONLY_KEPT).await);
        assert_eq!(elsewhere.origin, Origin::Store);
        // Stale is kept, too.
        world.pass(STALENESS + SECOND).await;
        let stale = kept(world.demand(ONLY_KEPT).await);
        assert_eq!((text(&stale).as_str(), stale.refresh), ("1", None));
        let newer = Demand { age_max: Some(SECOND), ..ONLY_KEPT };
        assert_eq!(world.demand(newer).await.unwrap_err().kind(), ErrorKind::Timeout);
        world.settle().await;
        assert_eq!(world.numbers.computed(), 1);
    }
}
