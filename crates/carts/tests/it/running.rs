//! What befalls a cart whose job is held in the midst of its work.

use carts::contract::FLIGHTS;
use serde_json::{Value, json};
use testkit::Client;

use crate::holdings::until_held;
use crate::world::{Hold, World};

/// After ten writes of items: a combination has one of each of the sixteen digits at least, and a query of all
/// flights more.
const AT_WORK: Hold = Hold::Items(10);

/// Makes a cart with some items; where it is.
async fn cart(owner: &Client, name: &str, items: std::ops::Range<usize>) -> String {
    let made = owner.post("/resources/carts/", &json!({ "cart_name": name })).await.expect(201);
    let at = made.header("location").unwrap().to_owned();
    let items: Vec<Value> = items.map(|n| json!({ "entity_type": "a", "entity_id": n.to_string() })).collect();
    owner.post(&format!("{at}/items"), &json!(items)).await.expect(207);
    at
}

/// Where a job is that was asked for, and is held now.
async fn running(world: &World, path: &str, body: &Value, hold: Hold) -> String {
    world.gate.close(hold);
    let owner = world.client.with_key("owner");
    let accepted = owner.post(path, body).await.expect(202);
    world.gate.met().await;
    accepted.header("location").unwrap().to_owned()
}

/// How a job has ended.
async fn end(owner: &Client, job: &str) -> Value {
    let job = owner.with_header("prefer", "wait=30").get(job).await.expect(200).json();
    assert_eq!(job["remaining_parts"], 0, "{job}");
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_cart_is_deleted_is_cancelled_and_leaves_nothing() {
    let world = World::start();
    let owner = world.client.with_key("owner");
    let at = cart(&owner, "queried", 0..1).await;
    let all = json!({ "entity_type": "flights", "filters": {} });
    let job = running(&world, &format!("{at}/items/query"), &all, AT_WORK).await;
    owner.delete(&at).await.expect(200);
    world.gate.open();
    assert_eq!(end(&owner, &job).await["status"], "cancelled");

    let other = cart(&owner, "other", 400..900).await;
    let with = other.trim_start_matches("/resources/carts/");
    // While it works, and when all is written: then only its end finds the cart gone.
    for hold in [AT_WORK, Hold::Switch] {
        let at = cart(&owner, "combined", 0..500).await;
        let job = running(&world, &format!("{at}/combine"), &json!({ "with": with, "op": "union" }), hold).await;
        owner.delete(&at).await.expect(200);
        world.gate.open();
        let job = end(&owner, &job).await;
        assert_eq!((&job["status"], &job["items_added"]), (&json!("cancelled"), &json!(0)), "{job}");
    }

    owner.delete(&other).await.expect(200);
    // Of each a tombstone stays, for thirty days.
    until_held(&world, 4).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_cancelled_keeps_what_it_put_in_and_says_how_much() {
    let world = World::start();
    let owner = world.client.with_key("owner");
    let at = cart(&owner, "half", 0..1).await;
    let all = json!({ "entity_type": "flights", "filters": {} });
    let job = running(&world, &format!("{at}/items/query"), &all, AT_WORK).await;
    owner.delete(&job).await.expect(200);
    world.gate.open();
    let job = end(&owner, &job).await;
    assert_eq!(job["status"], "cancelled");
    let added = job["items_added"].as_u64().unwrap();
    // Its parts are told within a heartbeat; how much they do until then is theirs.
    assert!((1..=FLIGHTS as u64).contains(&added), "{job}");
    let summary = owner.get(&format!("{at}/summary")).await.expect(200).json();
    assert_eq!((&summary["items_count"], &summary["entity_types"]["flights"]), (&json!(added + 1), &json!(added)));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_at_most_a_thousand_carts_beside_the_default_one() {
    let world = World::start();
    let owner = world.client.with_key("owner");
    for n in 0..1_000 {
        owner.post("/resources/carts/", &json!({ "cart_name": n.to_string() })).await.expect(201);
    }
    let one_more = json!({ "cart_name": "one more" });
    assert_eq!(owner.post("/resources/carts/", &one_more).await.expect(409).json()["error"], "conflict");
    let default = owner.get("/resources/carts/default").await.expect(200).json();
    assert_eq!(default["default"], true);
    // Another's carts do not count, and one that is deleted makes room.
    world.client.with_key("other").post("/resources/carts/", &one_more).await.expect(201);
    let carts = owner.get("/resources/carts/?limit=2").await.expect(200).json();
    assert_eq!(carts[0]["default"], true, "the newest");
    owner.delete(&format!("/resources/carts/{}", carts[1]["id"].as_str().unwrap())).await.expect(200);
    owner.post("/resources/carts/", &one_more).await.expect(201);
    world.stop().await;
}
