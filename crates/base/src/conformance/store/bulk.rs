//! Unconditional writes in any number.

use std::time::Duration;

use crate::Store;
use crate::conformance::Fixture;
use crate::conformance::store::TABLE;
use crate::store::{Body, Bulk, Write};

/// On return every item can be read, and doing it again changes nothing that is held.
pub async fn bulk_is_durable_and_idempotent(fx: &Fixture<dyn Store>) {
    let body = |n: usize| Body::data(format!(r#"{{"n":{n}}}"#)).with("n", n as i64);
    let writes: Vec<Bulk> = (0..250).map(|n| Bulk::Put(fx.key("p", &format!("{n:03}")), body(n))).collect();
    for _ in 0..2 {
        fx.bulk(TABLE, writes.clone()).await.unwrap();
        let items = fx.items("p").await;
        assert_eq!(items.len(), writes.len());
        for (n, item) in items.into_iter().enumerate() {
            assert_eq!((item.key.sort, item.body), (format!("{n:03}"), body(n)));
        }
    }
    let deletes: Vec<Bulk> = writes.iter().map(|write| Bulk::Delete(write.key().clone())).collect();
    for _ in 0..2 {
        fx.bulk(TABLE, deletes.clone()).await.unwrap();
        assert_eq!(fx.items("p").await, []);
    }
}

/// None, one, and more than any store takes in one request.
pub async fn bulk_takes_any_number(fx: &Fixture<dyn Store>) {
    for count in [0, 1, 25, 26, 1_001] {
        let partition = format!("p{count}");
        let writes = (0..count).map(|n| Bulk::Put(fx.key(&partition, &n.to_string()), Body::default())).collect();
        fx.bulk(TABLE, writes).await.unwrap();
        assert_eq!(fx.items(&partition).await.len(), count);
    }
}

/// What is there is replaced or removed as a whole; what is not is no error.
pub async fn bulk_overwrites_and_deletes_unconditionally(fx: &Fixture<dyn Store>) {
    fx.done(Write::put(fx.key("p", "a"), Body::data("1").with("old", 1))).await;
    fx.fill("p", &["b"]).await;
    let writes = vec![
        Bulk::Put(fx.key("p", "a"), Body::data("2")),
        Bulk::Delete(fx.key("p", "b")),
        Bulk::Delete(fx.key("p", "missing")),
        Bulk::Put(fx.key("q", "c"), Body::data("3")),
    ];
    fx.bulk(TABLE, writes).await.unwrap();
    let items = fx.items("p").await;
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].body, Body::data("2"));
    assert_eq!(fx.items("q").await.len(), 1);
}

/// They are items like all others.
pub async fn bulk_items_have_versions_and_expiries(fx: &Fixture<dyn Store>) {
    let [passing, staying] = ["passing", "staying"].map(|sort| fx.key("p", sort));
    let expires = crate::clock::add(fx.clock().now(), Duration::from_secs(60));
    let writes = vec![
        Bulk::Put(passing.clone(), Body::data("1").expiring(expires)),
        Bulk::Put(staying.clone(), Body::data("1")),
    ];
    fx.bulk(TABLE, writes).await.unwrap();
    let item = fx.read(&staying).await.unwrap();
    assert!(item.version.is_some());
    fx.done(Write::put(staying.clone(), Body::data("2")).when(item.unchanged())).await;
    assert_eq!(fx.read(&passing).await.unwrap().body.expires, Some(expires));
    fx.advance(Duration::from_secs(60)).await;
    assert_eq!(fx.read(&passing).await, None);
    assert!(fx.read(&staying).await.is_some());
}
