//! Jobs that fill carts.

use serde_json::{Value, json};
use testkit::Client;

use super::{Callers, FLIGHTS, cart, count, ended, field, fill, flights, ids};

pub(super) async fn cases(callers: &Callers) {
    a_query_fills_a_cart(&callers.owner, &json!({ "id": { "within": [[0, 299]] } }), 300, 1).await;
    filters_select_what_they_say(&callers.owner).await;
    what_is_there_already_is_counted_apart(&callers.owner).await;
    a_dry_run_only_counts(&callers.owner).await;
    a_limit_takes_the_first(&callers.owner).await;
    a_job_is_its_owners(callers).await;
    what_is_redacted_cannot_be_asked_for(callers).await;
    a_job_ends_with_its_cart(&callers.owner).await;
    what_cannot_be_is_named(&callers.owner).await;
}

fn query(filters: Value) -> Value {
    json!({ "entity_type": "flights", "filters": filters })
}

/// The ids of those flights, sorted as texts.
fn expected(selects: impl Fn(&Value) -> bool) -> Vec<String> {
    let mut ids: Vec<String> =
        flights().iter().filter(|flight| selects(flight)).map(|flight| flight["id"].to_string()).collect();
    ids.sort();
    ids
}

/// So many are found, in so many parts.
pub(super) async fn a_query_fills_a_cart(owner: &Client, filters: &Value, found: usize, parts: usize) {
    let at = cart(owner, &format!("{found} flights")).await;
    let accepted = owner.post(&format!("{at}/items/query"), &query(filters.clone())).await.expect(202);
    let job = accepted.json();
    assert_eq!(job["status"], "pending");
    let unknown = ["total_parts", "remaining_parts", "items_found"].map(|name| &job[name]);
    assert_eq!(unknown, [&Value::Null; 3]);
    assert!(at.ends_with(job["cart_id"].as_str().expect("a cart")) && job["links"]["cart"] == json!(at), "{job}");
    let job = ended(owner, accepted).await;
    let totals = ["status", "total_parts", "remaining_parts", "items_found"].map(|name| &job[name]);
    assert_eq!(totals, [&json!("completed"), &json!(parts), &json!(0), &json!(found)]);
    let items = ["items_added", "items_present", "items_failed"].map(|name| &job[name]);
    assert_eq!(items, [&json!(found), &json!(0), &json!(0)]);
    assert_eq!(count(owner, &at).await, found as u64);
    let by_post = owner.post_empty(&format!("{}/", job["links"]["self"].as_str().expect("a link"))).await.expect(200);
    assert_eq!(by_post.json(), job);
    let item = owner.get(&format!("{at}?limit=1")).await.expect(200).json()["items"][0].clone();
    assert_eq!((&item["entity_type"], &item["content_hash"]), (&json!("flights"), &Value::Null));
}

async fn filters_select_what_they_say(owner: &Client) {
    let number = |flight: &Value, name: &str| flight[name].as_i64().unwrap_or(-1);
    let at = cart(owner, "some flights").await;
    let filters = json!({ "carrier": { "is": ["UA", "B6"] }, "distance": { "within": [[0, 10], [990, 999]] } });
    let job = ended(owner, owner.post(&format!("{at}/items/query"), &query(filters)).await).await;
    let found = expected(|flight| {
        let near = (0..=10).contains(&number(flight, "distance")) || number(flight, "distance") >= 990;
        near && ["UA", "B6"].contains(&flight["carrier"].as_str().unwrap_or_default())
    });
    assert_eq!((ids(owner, &at).await, job["items_found"].as_u64()), (found.clone(), Some(found.len() as u64)));
    for (filters, found) in [
        (json!({ "tailnum": { "is": [null] } }), expected(|flight| flight["tailnum"].is_null())),
        (
            json!({ "tailnum": { "prefix": "N1000" } }),
            expected(|flight| flight["tailnum"].as_str().is_some_and(|tail| tail.starts_with("N1000"))),
        ),
        (
            json!({ "hours": { "contains": [[2, 3]] } }),
            expected(|flight| {
                (0..=2).contains(&number(&flight["hours"], "gte")) && number(&flight["hours"], "lte") >= 3
            }),
        ),
        (json!({ "hours.lte": { "is": [4.0] } }), expected(|flight| number(&flight["hours"], "lte") == 4)),
    ] {
        let dry = json!({ "entity_type": "flights", "filters": filters, "dry_run": true });
        let counted = owner.post(&format!("{at}/items/query"), &dry).await.expect(200).json();
        assert_eq!(counted["items_found"], json!(found.len()), "{filters}");
        assert!(!found.is_empty(), "{filters}");
    }
}

async fn what_is_there_already_is_counted_apart(owner: &Client) {
    let at = cart(owner, "twice").await;
    let thing = json!({ "entity_type": "flights", "entity_id": "4", "attributes": { "mine": true } });
    owner.post(&format!("{at}/items/"), &thing).await.expect(201);
    let united = query(json!({ "carrier": { "is": ["UA"] }, "id": { "within": [[0, 399]] } }));
    let first = ended(owner, owner.post(&format!("{at}/items/query"), &united).await).await;
    assert_eq!((&first["items_added"], &first["items_present"]), (&json!(99), &json!(1)));
    let again = ended(owner, owner.post(&format!("{at}/items/query"), &united).await).await;
    assert_eq!((&again["items_added"], &again["items_present"]), (&json!(0), &json!(100)));
    assert_eq!(count(owner, &at).await, 100);
    let kept = owner.get(&format!("{at}/manifest")).await.expect(200).text();
    assert_eq!(kept.matches(r#"{"mine":true}"#).count(), 1);
}

async fn a_dry_run_only_counts(owner: &Client) {
    let at = cart(owner, "dry").await;
    let dry = json!({ "entity_type": "flights", "filters": {}, "dry_run": true });
    assert_eq!(
        owner.post(&format!("{at}/items/query/"), &dry).await.expect(200).json(),
        json!({ "items_found": FLIGHTS })
    );
    assert_eq!(count(owner, &at).await, 0);
}

async fn a_limit_takes_the_first(owner: &Client) {
    let at = cart(owner, "limited").await;
    let some = json!({ "entity_type": "flights", "filters": { "carrier": { "is": ["AA"] } }, "limit": 3 });
    let job = ended(owner, owner.post(&format!("{at}/items/query"), &some).await).await;
    assert_eq!((&job["items_found"], ids(owner, &at).await), (&json!(3), vec!["1".to_owned(), "5".into(), "9".into()]));
}

async fn a_job_is_its_owners(callers: &Callers) {
    let owner = &callers.owner;
    let some = query(json!({ "id": { "within": [[0, 99]] } }));
    let accepted = owner.post("/resources/carts/default/items/query", &some).await.expect(202);
    let at = accepted.header("location").expect("where it is").to_owned();
    for stranger in [&callers.other, &callers.stranger] {
        stranger.get(&at).await.expect(404);
        stranger.post_empty(&at).await.expect(404);
        stranger.delete(&at).await.expect(404);
    }
    let job = ended(owner, accepted).await;
    owner.delete(&at).await.expect(409);
    assert_eq!(job["items_added"], 100);
    let listed = callers.other.get("/api/v1/jobs").await;
    assert!(!listed.text().contains(job["id"].as_str().expect("an id")), "{}", listed.text());
    owner.get("/resources/cart-item-batch-jobs/6b801de6-11d4-46c0-aed1-ca2110aa7d3c").await.expect(404);
    assert_eq!(field(&owner.get("/resources/cart-item-batch-jobs/1").await.expect(412)), "job_id");
}

/// Who may not see a field cannot find out what is in it.
async fn what_is_redacted_cannot_be_asked_for(callers: &Callers) {
    let dry = json!({ "entity_type": "flights", "filters": { "secret": { "is": ["s1"] } }, "dry_run": true });
    let path = "/resources/carts/default/items/query";
    assert_eq!(callers.owner.post(path, &dry).await.expect(200).json()["items_found"], json!(FLIGHTS / 2));
    assert_eq!(callers.other.post(path, &dry).await.expect(200).json()["items_found"], 0);
    let real = query(json!({ "secret": { "is": ["s1"] } }));
    let job = ended(&callers.other, callers.other.post(path, &real).await).await;
    assert_eq!(job["items_found"], 0);
}

async fn a_job_ends_with_its_cart(owner: &Client) {
    let at = cart(owner, "doomed").await;
    fill(owner, &at, 0..50).await;
    let accepted = owner.post(&format!("{at}/items/query"), &query(json!({}))).await.expect(202);
    owner.delete(&at).await.expect(200);
    let job = ended(owner, accepted).await;
    assert!(["cancelled", "completed"].contains(&job["status"].as_str().expect("a status")), "{job}");
    owner.get(&at).await.expect(404);
}

async fn what_cannot_be_is_named(owner: &Client) {
    let at = cart(owner, "bad queries").await;
    let cases = [
        (json!({}), "entity_type"),
        (json!({ "entity_type": "flights" }), "filters"),
        (json!({ "entity_type": "nothing", "filters": {} }), "entity_type"),
        (json!({ "entity_type": "../flights", "filters": {} }), "entity_type"),
        (query(json!([])), "filters"),
        (query(json!({ "carrier": "UA" })), "filters.carrier"),
        (query(json!({ "carrier": { "equals": ["UA"] } })), "filters.carrier.equals"),
        (query(json!({ "carrier": { "is": "UA" } })), "filters.carrier.is"),
        (query(json!({ "wind.speed": { "within": [[2, 1]] } })), "filters.wind.speed.within.0"),
        (json!({ "entity_type": "flights", "filters": {}, "limit": 0 }), "limit"),
        (json!({ "entity_type": "flights", "filters": {}, "limit": 1_000_001 }), "limit"),
        (json!({ "entity_type": "flights", "filters": {}, "limit": -1 }), "limit"),
        (json!({ "entity_type": "flights", "filters": {}, "dry_run": "yes" }), "dry_run"),
        (json!({ "entity_type": "flights", "filters": {}, "more": 1 }), "more"),
    ];
    for (body, expected) in cases {
        let answer = owner.post(&format!("{at}/items/query"), &body).await.expect(412);
        assert_eq!(field(&answer), expected, "{}", answer.text());
    }
    let nobodys = "/resources/carts/6b801de6-11d4-46c0-aed1-ca2110aa7d3c/items/query";
    owner.post(nobodys, &query(json!({}))).await.expect(404);
    assert_eq!(count(owner, &at).await, 0);
}
