//! What lies in a cart: putting things in, and taking them out.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::Client;

use super::{Callers, cart, count, field, fill};

pub(super) async fn cases(callers: &Callers) {
    an_item_is_put_in_once(&callers.owner).await;
    what_is_said_of_an_item_is_kept_exactly(&callers.owner).await;
    a_list_is_answered_item_by_item(&callers.owner).await;
    items_are_shown_page_by_page(&callers.owner).await;
    an_item_is_taken_out_once(&callers.owner).await;
    a_repeated_request_is_done_once(&callers.owner).await;
    what_cannot_be_is_named(&callers.owner).await;
}

async fn an_item_is_put_in_once(owner: &Client) {
    let at = cart(owner, "one").await;
    let thing = json!({ "entity_type": "flights", "entity_id": "42" });
    let put = owner.post(&format!("{at}/items/"), &thing).await.expect(201).json();
    assert_eq!(put["id"], "cffdaab578fc2a4b2408793f40e1122b609d7a70ac8b82850dcc1bbb64fc2436");
    assert_eq!((&put["content_hash"], &put["entity_id"]), (&Value::Null, &json!("42")));
    assert!(put.get("cart_id").is_none() && put.get("entity_version").is_none(), "{put}");
    let again = owner.post(&format!("{at}/items/"), &thing).await.expect(200).json();
    assert_eq!(put, again);
    let more = json!({ "entity_type": "flights", "entity_id": "42", "attributes": { "a": 1 }, "id": put["id"] });
    let replaced = owner.post(&format!("{at}/items/"), &more).await.expect(200).json();
    assert_eq!((&replaced["attributes"], &replaced["added_at"]), (&json!({ "a": 1 }), &put["added_at"]));
    // printf '{"a":1}' | sha256sum
    let hash = "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862";
    assert_eq!(replaced["content_hash"], hash);
    let versioned = json!({ "entity_type": "flights", "entity_id": "42", "entity_version": "2" });
    let versioned = owner.post(&format!("{at}/items/"), &versioned).await.expect(201).json();
    assert_ne!(versioned["id"], put["id"]);
    let shown = owner.get(&at).await.expect(200).json();
    let items: BTreeSet<String> = shown["items"].as_array().expect("items").iter().map(Value::to_string).collect();
    assert_eq!(items, [replaced, versioned].iter().map(Value::to_string).collect());
    assert_eq!(count(owner, &at).await, 2);
}

async fn what_is_said_of_an_item_is_kept_exactly(owner: &Client) {
    let at = cart(owner, "exact").await;
    let attributes = r#"{"z":1.10,"id":12345678901234567890123456789012345678,"a":{"x":-0.0, "y":1E5},"é":"\u0041"}"#;
    let body = format!(r#"{{"entity_type":"é","entity_id":"1","attributes":{attributes}}}"#);
    let body = Some(("application/json", bytes::Bytes::from(body)));
    let put = owner.send_bytes(http::Method::POST, &format!("{at}/items/"), body).await.expect(201);
    assert!(put.text().contains(attributes), "{}", put.text());
    for path in [at.clone(), format!("{at}/manifest"), format!("{at}/manifest?format=json")] {
        let shown = owner.get(&path).await.expect(200).text();
        assert!(shown.contains(attributes), "{shown}");
    }
}

async fn a_list_is_answered_item_by_item(owner: &Client) {
    let at = cart(owner, "list").await;
    let thing = |kind: &str, id: &str| json!({ "entity_type": kind, "entity_id": id });
    let list = json!([
        thing("a", "1"),
        thing("a", ""),
        { "entity_type": "a", "entity_id": "1", "attributes": { "last": true } },
        thing("b", "1"),
        { "entity_type": "a" },
        { "entity_type": "a", "entity_id": "2", "attributes": [] },
        { "entity_type": "a", "entity_id": "2", "id": "0" },
    ]);
    let report = owner.post(&format!("{at}/items/"), &list).await.expect(207).json();
    assert_eq!((&report["received"], &report["added"], &report["failed"]), (&json!(7), &json!(2), &json!(4)));
    let rows = report["results"].as_array().expect("results");
    let statuses: Vec<&Value> = rows.iter().map(|row| &row["status"]).collect();
    assert_eq!(statuses, [201, 412, 200, 201, 412, 412, 412]);
    let fields: Vec<&Value> = [1, 4, 5, 6].iter().map(|row| &rows[*row]["field"]).collect();
    assert_eq!(fields, ["entity_id", "entity_id", "attributes", "id"]);
    let report = owner.post(&format!("{at}/items/"), &json!([thing("a", "1"), thing("a", "3")])).await.expect(207);
    let rows = report.json()["results"].clone();
    assert_eq!((&rows[0]["status"], &rows[1]["status"]), (&json!(200), &json!(201)));
    let summary = owner.get(&format!("{at}/summary")).await.expect(200).json();
    assert_eq!((&summary["items_count"], &summary["entity_types"]), (&json!(3), &json!({ "a": 2, "b": 1 })));
    let kinds: Vec<Value> = (0..100).map(|n| thing(&format!("kind {n}"), "1")).collect();
    owner.post(&format!("{at}/items/"), &json!(kinds)).await.expect(207);
    assert_eq!(count(owner, &at).await, 103);
    let many: Vec<Value> = (0..1_001).map(|n| thing("c", &n.to_string())).collect();
    assert_eq!(field(&owner.post(&format!("{at}/items/"), &json!(many)).await.expect(412)), "body");
    assert_eq!(field(&owner.post(&format!("{at}/items/"), &json!([])).await.expect(412)), "body");
    assert_eq!(count(owner, &at).await, 103);
}

async fn items_are_shown_page_by_page(owner: &Client) {
    let at = cart(owner, "pages").await;
    fill(owner, &at, 0..63).await;
    paged(owner, &at, 20, 63).await;
    // Nobody is sent on to a page with nothing on it.
    paged(owner, &at, 21, 63).await;
}

/// A thousand are shown unless another number is asked for.
pub(super) async fn many_items_are_shown_page_by_page(owner: &Client) {
    let at = cart(owner, "many pages").await;
    fill(owner, &at, 0..1_203).await;
    let first = owner.get(&at).await.expect(200).json();
    assert_eq!(first["items"].as_array().map(Vec::len), Some(1_000));
    paged(owner, &at, 101, 1_203).await;
}

/// Page by page, a cart shows so many items, each once.
async fn paged(owner: &Client, at: &str, limit: usize, count: usize) {
    let (mut seen, mut path) = (Vec::new(), format!("{at}?limit={limit}"));
    loop {
        let page = owner.get(&path).await.expect(200).json();
        assert_ne!(page["items"], json!([]), "{path}");
        seen.extend(
            page["items"].as_array().expect("items").iter().filter_map(|item| item["id"].as_str()).map(str::to_owned),
        );
        let Some(next) = page["next"].as_str() else { break };
        path = format!("{at}?limit={limit}&cursor={next}");
    }
    assert!(seen.len() == count && seen.is_sorted_by(|one, next| one < next), "{} items", seen.len());
}

async fn an_item_is_taken_out_once(owner: &Client) {
    let (at, elsewhere) = (cart(owner, "taken from").await, cart(owner, "elsewhere").await);
    let thing = json!({ "entity_type": "rare", "entity_id": "1" });
    let put = owner.post(&format!("{at}/items/"), &thing).await.expect(201).json();
    let item = put["id"].as_str().expect("an id").to_owned();
    owner.delete(&format!("{elsewhere}/items/{item}")).await.expect(409);
    assert_eq!(owner.delete(&format!("{at}/items/{item}")).await.expect(200).json(), put);
    owner.delete(&format!("{at}/items/{item}")).await.expect(410);
    owner.delete(&format!("{elsewhere}/items/{item}")).await.expect(404);
    assert_eq!(count(owner, &at).await, 0);
    owner.post(&format!("{at}/items/"), &thing).await.expect(201);
    owner.delete(&format!("{at}/items/{item}")).await.expect(200);
    assert_eq!(field(&owner.delete(&format!("{at}/items/1")).await.expect(412)), "item_id");
    let nobodys = "/resources/carts/6b801de6-11d4-46c0-aed1-ca2110aa7d3c";
    owner.delete(&format!("{nobodys}/items/{item}")).await.expect(404);
}

async fn a_repeated_request_is_done_once(owner: &Client) {
    let at = cart(owner, "repeated").await;
    let keyed = owner.with_header("idempotency-key", "the same item");
    let thing = json!({ "entity_type": "a", "entity_id": "1" });
    let first = keyed.post(&format!("{at}/items/"), &thing).await.expect(201).json();
    let again = keyed.post(&format!("{at}/items/"), &thing).await.expect(201);
    assert_eq!((again.json(), again.header("idempotent-replayed")), (first, Some("true")));
    let keyed = owner.with_header("idempotency-key", "the same cart");
    let first = keyed.post("/resources/carts/", &json!({ "cart_name": "keyed" })).await.expect(201).json();
    assert_eq!(keyed.post("/resources/carts/", &json!({ "cart_name": "keyed" })).await.expect(201).json(), first);
}

async fn what_cannot_be_is_named(owner: &Client) {
    let at = cart(owner, "bad items").await;
    let cases = [
        (json!({}), "entity_type"),
        (json!({ "entity_type": "a" }), "entity_id"),
        (json!({ "entity_type": "", "entity_id": "1" }), "entity_type"),
        (json!({ "entity_type": "x".repeat(64), "entity_id": "1" }), "entity_type"),
        (json!({ "entity_type": "a", "entity_id": 1 }), "entity_id"),
        (json!({ "entity_type": "a", "entity_id": "x".repeat(513) }), "entity_id"),
        (json!({ "entity_type": "a", "entity_id": "1", "entity_version": "" }), "entity_version"),
        (json!({ "entity_type": "a", "entity_id": "1", "attributes": "text" }), "attributes"),
        (json!({ "entity_type": "a", "entity_id": "1", "attributes": { "a": "x".repeat(270_000) } }), "attributes"),
        (json!({ "entity_type": "a", "entity_id": "1", "cart_id": "1" }), "cart_id"),
        (json!({ "entity_type": "a", "entity_id": "1", "id": "1" }), "id"),
    ];
    for (body, expected) in cases {
        let answer = owner.post(&format!("{at}/items/"), &body).await.expect(412);
        assert_eq!(field(&answer), expected, "{}", answer.text());
    }
    let twice = Some(("application/json", bytes::Bytes::from_static(br#"{"entity_type":"a","entity_type":"b"}"#)));
    let twice = owner.send_bytes(http::Method::POST, &format!("{at}/items/"), twice).await.expect(412);
    assert_eq!(field(&twice), "entity_type");
    let large = json!({ "entity_type": "a", "entity_id": "1", "attributes": { "a": vec!["x".repeat(1_000); 2_200] } });
    owner.post(&format!("{at}/items/"), &large).await.expect(413);
    assert_eq!(count(owner, &at).await, 0);
}
