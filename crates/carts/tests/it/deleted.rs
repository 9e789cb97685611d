//! What is deleted does not come back, and who reads it meanwhile is told.

use std::sync::Arc;
use std::time::Duration;

use base::clock::{ManualClock, SystemClock};
use base::memory::MemoryStore;
use base::{Clock, Ctx, ErrorKind, Principal, RequestId, Scopes, Store};
use carts::model::{Asked, Cart, Entity};
use carts::store::Heads;
use serde_json::json;
use uuid::Uuid;

use crate::world::World;

/// A request of the owner.
fn ctx() -> Ctx {
    let (tenant, owner) = ("default".parse().unwrap(), Principal::new("key:owner"));
    Ctx::new(tenant, owner, Scopes::default(), RequestId::random(), SystemClock::new().now(), Uuid::new_v4())
}

/// The request that made the cart is sent once more, when the cart was deleted.
#[tokio::test]
async fn a_cart_that_was_deleted_is_not_made_again() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(SystemClock::new())));
    let (heads, name) = (Heads::new(store.clone()), "a".parse().unwrap());
    for new in [Cart::new(&ctx(), Some(&name)), Cart::new(&ctx(), None)] {
        let made = heads.create(&new).await.unwrap();
        assert_eq!(heads.create(&new).await.unwrap().id, made.id, "a repetition makes nothing");
        let writes = heads.removal(&made, new.created_at).await.unwrap();
        store.write(writes).await.unwrap();
        assert_eq!(heads.create(&new).await.unwrap_err().kind(), ErrorKind::Gone);
        assert_eq!(heads.of(&new.owner).await.unwrap(), Vec::<Uuid>::new());
    }
}

#[tokio::test]
async fn what_was_deleted_is_known_for_thirty_days() {
    let clock = ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap());
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
    let heads = Heads::new(store.clone());
    let cart = heads.create(&Cart::new(&ctx(), None)).await.unwrap();
    let item = Entity::new("flights", "1", None).unwrap().id();
    store.write(vec![heads.taken(&cart, &item, clock.now())]).await.unwrap();
    store.write(heads.removal(&cart, clock.now()).await.unwrap()).await.unwrap();
    for (after, known) in [(Duration::from_secs(30 * 86_400 - 1), true), (Duration::from_secs(1), false)] {
        clock.advance(after);
        let tenant = &cart.owner.tenant;
        assert_eq!(heads.gone(tenant, cart.id).await.unwrap().is_some(), known);
        assert_eq!(heads.was_taken(&cart, &item).await.unwrap(), known);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_a_cart_that_is_deleted_meanwhile_is_told() {
    let world = World::start();
    let owner = world.client.with_key("owner");
    let made = owner.post("/resources/carts/", &json!({ "cart_name": "a" })).await.expect(201);
    let at = made.header("location").unwrap().to_owned();
    let id: Uuid = made.json()["id"].as_str().unwrap().parse().unwrap();
    for from in [0, 1_000] {
        let item = |id: usize| json!({ "entity_type": "a", "entity_id": id.to_string() });
        let items: Vec<_> = (from..from + 1_000).map(item).collect();
        owner.post(&format!("{at}/items/"), &json!(items)).await.expect(207);
    }
    let mut whole = world.carts.item_scan(&ctx(), Asked::Id(id)).await.unwrap();
    let mut broken = world.carts.item_scan(&ctx(), Asked::Id(id)).await.unwrap();
    let mut seen = 0;
    while whole.next().await.unwrap().is_some() {
        seen += 1;
    }
    assert_eq!(seen, 2_000);
    assert!(broken.next().await.unwrap().is_some());
    owner.delete(&at).await.expect(200);
    let error = loop {
        match broken.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a part of a cart was given for the whole"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Conflict);
    world.stop().await;
}
