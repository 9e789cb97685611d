//! Making, naming, removing carts; the default one.

use serde_json::{Value, json};
use testkit::Client;

use super::{Callers, cart, count, ended, field, fill};

/// What nobody's cart is called.
const NOBODYS: &str = "/resources/carts/6b801de6-11d4-46c0-aed1-ca2110aa7d3c";

pub(super) async fn cases(callers: &Callers) {
    there_is_no_default_cart_before_it_is_used(&callers.owner).await;
    a_cart_is_made_and_listed(&callers.owner).await;
    the_default_cart_is_made_once(callers).await;
    a_cart_is_named(&callers.owner).await;
    only_what_was_seen_is_changed(&callers.owner).await;
    a_cart_is_deleted_once(callers).await;
    a_list_goes_on_behind_its_page(&callers.owner).await;
    both_ends_of_a_path_are_one(&callers.owner).await;
    what_is_not_allowed_is_said(&callers.owner).await;
    what_cannot_be_is_named(&callers.owner).await;
}

async fn there_is_no_default_cart_before_it_is_used(owner: &Client) {
    assert_eq!(owner.get("/resources/carts/").await.expect(200).json(), json!([]));
    owner.put("/resources/carts/default", &json!({ "cart_name": "mine" })).await.expect(404);
    owner.delete("/resources/carts/default").await.expect(404);
    // What is refused is no use.
    let query = json!({ "entity_type": "nothing", "filters": {} });
    owner.post("/resources/carts/default/items/query", &query).await.expect(412);
    assert_eq!(owner.get("/resources/carts/").await.expect(200).json(), json!([]));
}

async fn a_cart_is_made_and_listed(owner: &Client) {
    let made = owner.post("/resources/carts/", &json!({ "cart_name": "winter" })).await.expect(201);
    let cart = made.json();
    let at = made.header("location").expect("where it is").to_owned();
    assert_eq!(at, format!("/resources/carts/{}", cart["id"].as_str().expect("an id")));
    assert_eq!(
        (&cart["cart_name"], &cart["default"], &cart["items_count"]),
        (&json!("winter"), &json!(false), &json!(0))
    );
    assert_eq!(cart["links"]["self"], json!(at));
    assert!(cart["version"].is_string() && cart["created_at"] == cart["updated_at"], "{cart}");
    let shown = owner.get(&at).await.expect(200).json();
    assert_eq!(shown, json!({ "id": cart["id"], "cart_name": "winter", "default": false, "items": [] }));
    let listed = owner.get("/resources/carts/").await.expect(200).json();
    assert_eq!(listed, json!([cart]));
    let taken = owner.post("/resources/carts/", &json!({ "cart_name": "winter" })).await.expect(409).json();
    assert_eq!(taken["error"], "conflict");
}

async fn the_default_cart_is_made_once(callers: &Callers) {
    let owner = &callers.owner;
    let ways = [owner.get("/resources/carts/default"), owner.get("/resources/carts/default/")];
    let made = futures::future::join_all(ways).await;
    let carts: Vec<Value> = made.into_iter().map(|answer| answer.expect(200).json()).collect();
    assert_eq!((&carts[0]["default"], &carts[0]["cart_name"]), (&json!(true), &json!("")));
    assert!(carts.iter().all(|cart| *cart == carts[0]), "{carts:?}");
    let theirs = callers.other.get("/resources/carts/default").await.expect(200).json();
    assert_ne!(theirs["id"], carts[0]["id"]);
    fill(owner, "/resources/carts/default", 0..3).await;
    let by_id = format!("/resources/carts/{}", carts[0]["id"].as_str().expect("an id"));
    assert_eq!(count(owner, &by_id).await, 3);
    let listed = owner.get("/resources/carts/").await.expect(200).json();
    assert_eq!((&listed[0]["default"], &listed[0]["items_count"]), (&json!(true), &json!(3)));
}

async fn a_cart_is_named(owner: &Client) {
    let at = cart(owner, "spring").await;
    let named = owner.put(&at, &json!({ "cart_name": "spring 2013" })).await.expect(200).json();
    assert_eq!(named["cart_name"], "spring 2013");
    let id = named["id"].clone();
    let named = owner.patch(&at, &json!({ "cart_name": "spring", "id": id })).await.expect(200).json();
    assert_eq!(named["cart_name"], "spring");
    owner.put(&at, &json!({ "cart_name": "spring" })).await.expect(200);
    owner.put(&at, &json!({ "cart_name": "winter" })).await.expect(409);
    let other = json!({ "cart_name": "spring", "id": "6b801de6-11d4-46c0-aed1-ca2110aa7d3c" });
    assert_eq!(field(&owner.put(&at, &other).await.expect(412)), "id");
    owner.put(NOBODYS, &json!({ "cart_name": "no" })).await.expect(404);
    // Its old name is free again.
    cart(owner, "spring 2013").await;
    let mine = owner.put("/resources/carts/default", &json!({ "cart_name": "mine" })).await.expect(200).json();
    assert_eq!((&mine["cart_name"], &mine["default"]), (&json!("mine"), &json!(true)));
}

async fn only_what_was_seen_is_changed(owner: &Client) {
    let at = cart(owner, "seen").await;
    let first = owner.put(&at, &json!({ "cart_name": "seen once" })).await.expect(200);
    let tag = first.header("etag").expect("a tag").to_owned();
    assert_eq!(tag, format!("\"{}\"", first.json()["version"].as_str().expect("a version")));
    let seen = owner.with_header("if-match", &tag);
    fill(owner, &at, 0..2).await;
    seen.put(&at, &json!({ "cart_name": "seen twice" })).await.expect(200);
    let late = seen.patch(&at, &json!({ "cart_name": "seen thrice" })).await.expect(412).json();
    assert_eq!(late["error"], "precondition_failed");
    seen.delete(&at).await.expect(412);
    assert_eq!(owner.get(&at).await.expect(200).json()["cart_name"], "seen twice");
    owner.with_header("if-match", "*").delete(&at).await.expect(200);
}

async fn a_cart_is_deleted_once(callers: &Callers) {
    let owner = &callers.owner;
    let at = cart(owner, "short").await;
    fill(owner, &at, 0..60).await;
    callers.other.delete(&at).await.expect(403);
    callers.other.get(&at).await.expect(404);
    callers.stranger.delete(&at).await.expect(404);
    let deleted = owner.delete(&at).await.expect(200).json();
    assert_eq!((&deleted["cart_name"], &deleted["items_count"]), (&json!("short"), &json!(60)));
    assert_eq!(owner.delete(&at).await.expect(410).json()["error"], "gone");
    callers.other.delete(&at).await.expect(404);
    owner.get(&at).await.expect(404);
    owner.put(&at, &json!({ "cart_name": "short" })).await.expect(404);
    owner.post(&format!("{at}/items/"), &json!({ "entity_type": "a", "entity_id": "1" })).await.expect(404);
    owner.delete(NOBODYS).await.expect(404);
    // The name is free, and so is the default cart's place.
    let at = cart(owner, "short").await;
    owner.delete(&format!("{at}/")).await.expect(200);
    let before = owner.get("/resources/carts/default").await.expect(200).json();
    owner.delete("/resources/carts/default").await.expect(200);
    owner.delete("/resources/carts/default").await.expect(404);
    let after = owner.get("/resources/carts/default").await.expect(200).json();
    assert!(before["id"] != after["id"] && after["items"] == json!([]), "{after}");
    // Whatever uses it first makes it.
    owner.delete("/resources/carts/default").await.expect(200);
    let item = json!({ "entity_type": "a", "entity_id": "1" });
    owner.post("/resources/carts/default/items/", &item).await.expect(201);
    owner.delete("/resources/carts/default").await.expect(200);
    let none = json!({ "entity_type": "flights", "filters": { "carrier": { "is": ["none"] } } });
    let job = ended(owner, owner.post("/resources/carts/default/items/query", &none).await).await;
    let made = owner.get("/resources/carts/default").await.expect(200).json();
    assert_eq!((&job["cart_id"], &job["items_found"]), (&made["id"], &json!(0)));
}

async fn a_list_goes_on_behind_its_page(owner: &Client) {
    let all = owner.get("/resources/carts/").await.expect(200).json();
    let all = all.as_array().expect("a list");
    let (mut paged, mut path) = (Vec::new(), "/resources/carts/?limit=2".to_owned());
    loop {
        let page = owner.get(&path).await.expect(200);
        paged.extend(page.json().as_array().expect("a list").clone());
        let Some(link) = page.header("link") else { break };
        path = link.trim_start_matches('<').split('>').next().expect("a link").to_owned();
    }
    assert!(all.len() >= 4 && paged == *all, "{paged:?}");
    let times: Vec<&str> = all.iter().filter_map(|cart| cart["created_at"].as_str()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
    assert_eq!(field(&owner.get("/resources/carts/?limit=0").await.expect(412)), "limit");
    assert_eq!(field(&owner.get("/resources/carts/?cursor=x").await.expect(412)), "cursor");
}

async fn both_ends_of_a_path_are_one(owner: &Client) {
    let made = owner.post("/resources/carts", &json!({ "cart_name": "no slash" })).await.expect(201).json();
    assert_eq!(made, owner.get("/resources/carts").await.expect(200).json()[0]);
    let at = format!("/resources/carts/{}", made["id"].as_str().expect("an id"));
    owner.get(&format!("{at}/")).await.expect(200);
    owner.put(&format!("{at}/"), &json!({ "cart_name": "a slash" })).await.expect(200);
    owner.patch(&format!("{at}/"), &json!({ "cart_name": "a slash" })).await.expect(200);
    let item = owner.post(&format!("{at}/items"), &json!({ "entity_type": "a", "entity_id": "1" })).await.expect(201);
    let item = item.json()["id"].as_str().expect("an id").to_owned();
    owner.get(&format!("{at}/summary/")).await.expect(200);
    owner.get(&format!("{at}/manifest/")).await.expect(200);
    owner.delete(&format!("{at}/items/{item}/")).await.expect(200);
    // Without a slash they are asked for elsewhere.
    let some = json!({ "entity_type": "flights", "filters": { "carrier": { "is": ["UA"] } } });
    for (work, body) in [("items/query/", &some), ("combine/", &json!({ "with": "default", "op": "union" }))] {
        let accepted = owner.post(&format!("{at}/{work}"), body).await;
        let job = accepted.clone().expect(202).header("location").expect("where the job is").to_owned();
        ended(owner, accepted).await;
        for job in [job.clone(), format!("{job}/")] {
            let shown = [owner.get(&job).await, owner.post_empty(&job).await].map(|shown| shown.expect(200).json());
            assert_eq!(shown[0], shown[1]);
            owner.delete(&job).await.expect(409);
        }
    }
}

async fn what_is_not_allowed_is_said(owner: &Client) {
    let at = cart(owner, "methods").await;
    for (method, path, allowed) in [
        (http::Method::DELETE, "/resources/carts/".to_owned(), ["GET", "POST"].as_slice()),
        (http::Method::POST, at.clone(), &["GET", "PUT", "PATCH", "DELETE"]),
        (http::Method::GET, format!("{at}/items/"), &["POST"]),
        (http::Method::PUT, format!("{at}/items/query"), &["POST"]),
    ] {
        let refused = owner.send(method, &path, None).await.expect(405);
        let allow = refused.header("allow").expect("what is allowed").to_owned();
        assert!(allowed.iter().all(|method| allow.contains(method)), "{path}: {allow}");
    }
}

async fn what_cannot_be_is_named(owner: &Client) {
    let long = "x".repeat(256);
    let cases = [
        (json!({}), "cart_name"),
        (json!({ "cart_name": "" }), "cart_name"),
        (json!({ "cart_name": 5 }), "cart_name"),
        (json!({ "cart_name": long }), "cart_name"),
        (json!({ "cart_name": "a\u{7}" }), "cart_name"),
        (json!({ "cart_name": "a", "entity_type": "b" }), "entity_type"),
        (json!([]), "body"),
    ];
    for (body, expected) in cases {
        assert_eq!(field(&owner.post("/resources/carts/", &body).await.expect(412)), expected, "{body}");
    }
    for id in ["1", "Default", "6B801DE6-11D4-46C0-AED1-CA2110AA7D3C", "%20"] {
        for answer in [
            owner.get(&format!("/resources/carts/{id}")).await,
            owner.delete(&format!("/resources/carts/{id}")).await,
            owner.put(&format!("/resources/carts/{id}"), &json!({ "cart_name": "a" })).await,
        ] {
            assert_eq!(field(&answer.expect(412)), "id", "{id}");
        }
    }
}
