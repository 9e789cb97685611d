//! Expired items are absent.

use std::time::Duration;

use crate::Store;
use crate::conformance::Fixture;
use crate::conformance::store::TABLE;
use crate::store::{Body, Range, StoreError, When, Write};

const HOUR: Duration = Duration::from_secs(3_600);

fn passing(fx: &Fixture<dyn Store>, after: Duration) -> Body {
    Body::data("1").with("n", 40).expiring(crate::clock::add(fx.clock().now(), after))
}

/// To everything that looks, an expired item is not there.
pub async fn an_expired_item_is_absent_to_reads_conditions_add_count_query(fx: &Fixture<dyn Store>) {
    let [read, added, made, deleted] = ["a", "b", "c", "d"].map(|sort| fx.key("p", sort));
    for key in [&read, &added, &made, &deleted] {
        fx.done(Write::put(key.clone(), passing(fx, HOUR))).await;
    }
    fx.fill("p", &["stays"]).await;
    let version = fx.read(&read).await.unwrap().version.unwrap();
    fx.advance(HOUR).await;

    assert_eq!(fx.read(&read).await, None);
    assert_eq!(fx.sorts(fx.all_of("p")).await, ["stays"]);
    assert_eq!(fx.sorts(fx.all_of("p").descending().prefix("a")).await, [""; 0]);
    assert_eq!(fx.count(TABLE, &read.partition, Range::All).await.unwrap(), 1);
    for when in [When::Present, When::Version(version), When::is("n", 40)] {
        let check = Write::check(read.clone(), when);
        assert_eq!(fx.settled(vec![check]).await, Err(StoreError::Failed(vec![0])));
    }
    fx.done(Write::check(read.clone(), When::Absent)).await;

    fx.done(Write::add(added.clone(), [("n", 2)])).await;
    assert_eq!(fx.read(&added).await.unwrap().body, Body::default().with("n", 2));
    fx.done(Write::put(made.clone(), Body::data("2")).when(When::Absent)).await;
    assert_eq!(fx.read(&made).await.unwrap().body, Body::data("2"));
    let delete = Write::delete(deleted.clone()).when(When::Present);
    assert_eq!(fx.settled(vec![delete]).await, Err(StoreError::Failed(vec![0])));
    fx.done(Write::delete(deleted)).await;
}

/// Present until the microsecond before, absent from its instant on.
pub async fn an_item_expires_at_its_instant(fx: &Fixture<dyn Store>) {
    let key = fx.key("p", "s");
    fx.done(Write::put(key.clone(), passing(fx, HOUR))).await;
    fx.advance(HOUR - Duration::from_micros(1)).await;
    assert!(fx.read(&key).await.is_some());
    assert_eq!(fx.sorts(fx.all_of("p")).await, ["s"]);
    fx.advance(Duration::from_micros(1)).await;
    assert_eq!(fx.read(&key).await, None);
    assert_eq!(fx.sorts(fx.all_of("p")).await, [""; 0]);
    fx.advance(Duration::from_micros(1)).await;
    assert_eq!(fx.read(&key).await, None);
}

/// The last write decides, also for an item that had expired.
pub async fn an_expiry_can_be_moved_and_lifted(fx: &Fixture<dyn Store>) {
    let key = fx.key("p", "s");
    fx.done(Write::put(key.clone(), passing(fx, HOUR))).await;
    fx.done(Write::put(key.clone(), passing(fx, 2 * HOUR))).await;
    fx.advance(HOUR).await;
    assert!(fx.read(&key).await.is_some());
    fx.advance(HOUR).await;
    assert!(fx.read(&key).await.is_none());
    fx.done(Write::put(key.clone(), passing(fx, HOUR))).await;
    assert!(fx.read(&key).await.is_some());
    fx.done(Write::put(key.clone(), Body::data("1"))).await;
    fx.advance(1_000 * HOUR).await;
    assert_eq!(fx.read(&key).await.unwrap().body, Body::data("1"));
    fx.done(Write::put(key.clone(), passing(fx, Duration::ZERO))).await;
    assert_eq!(fx.read(&key).await, None);
}

/// Items that are gone make pages shorter, perhaps empty; they never end the list.
pub async fn pages_go_on_past_expired_items(fx: &Fixture<dyn Store>) {
    let stay = [3, 29, 30];
    for n in 0..40 {
        let body = if stay.contains(&n) { Body::data("1") } else { passing(fx, HOUR) };
        fx.done(Write::put(fx.key("p", &format!("{n:02}")), body)).await;
    }
    fx.advance(HOUR).await;
    for limit in [1, 2, 5, 100] {
        let query = fx.all_of("p").limit(limit);
        assert_eq!(fx.sorts(query.clone()).await, ["03", "29", "30"]);
        assert_eq!(fx.sorts(query.descending()).await, ["30", "29", "03"]);
    }
}
