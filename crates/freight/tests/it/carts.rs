//! The contract of carts, on a SQLite file and in the cloud; and sessions without a key.

use bytes::Bytes;
use carts::contract::{Callers, FLIGHTS, cases, flights, largest};
use freight::compose::Settings;
use freight::ground::Ground;
use serde_json::{Value, json};
use testkit::Client;
use testkit::aws::Odds;

use crate::server::Server;
use crate::{on_cloud, on_file};

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_a_file() {
    let (server, callers) = hold(on_file::ground().await).await;
    largest(&callers).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_in_the_cloud_on_a_bad_day() {
    let (server, _) = hold(on_cloud::ground(25, Odds::BAD_DAY).await).await;
    let fired = server.stop().await.shim.fired();
    assert!(fired.throttled > 0 && fired.conflicts > 0 && fired.lost > 0, "{fired:?}");
}

async fn hold<T>(ground: (Ground, T)) -> (Server<T>, Callers) {
    let server = Server::start(ground, Settings::default()).await;
    dataset(&server.admin, &json!({ "name": "flights", "key": "id", "sort": "id", "redact": ["secret"] })).await;
    let scopes = ["carts:read", "carts:write", "ingest:sensitive"];
    let owner = key(&server.admin, &json!({ "name": "owner", "scopes": scopes })).await;
    let other = key(&server.admin, &json!({ "name": "other", "scopes": scopes[..2] })).await;
    let reader = key(&server.admin, &json!({ "name": "reader", "scopes": scopes[..1] })).await;
    let unlimited = json!({ "name": "Other", "slug": "other", "settings": { "rate_limits": { "control": [] } } });
    server.admin.post("/api/v1/tenants", &unlimited).await.expect(201);
    let theirs = server.admin.with_header("freight-tenant", "other");
    dataset(&theirs, &json!({ "name": "flights", "key": "id" })).await;
    let stranger = key(&theirs, &json!({ "name": "stranger", "role": "admin" })).await;
    let callers = Callers { owner, other, reader, stranger };
    cases(&callers).await;
    (server, callers)
}

/// The seed's own request, and what a session may not.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_carts_when_sessions_are_switched_on() {
    const TOKEN: &str = "Bearer 261e1aea-82c9-4e38-a879-e2e02ef236a5";
    let off = Server::start(on_file::ground().await, Settings::default()).await;
    let nobody = off.admin.without_header("x-api-key");
    nobody.with_header("authorization", TOKEN).get("/resources/carts/default").await.expect(401);
    off.stop().await;

    let settings = Settings { anonymous_sessions: true, ..Settings::default() };
    let server = Server::start(on_file::ground().await, settings).await;
    dataset(&server.admin, &json!({ "name": "flights", "key": "id", "sort": "id", "public": true })).await;
    dataset(&server.admin, &json!({ "name": "private", "key": "id" })).await;
    let nobody = server.admin.without_header("x-api-key");
    let session = nobody.with_header("authorization", TOKEN);
    let cart = session.get("/resources/carts/default").await.expect(200).json();
    assert_eq!((&cart["cart_name"], &cart["default"], &cart["items"]), (&json!(""), &json!(true), &json!([])));
    // The same UUID in base64 is the same session.
    let encoded = "Bearer MjYxZTFhZWEtODJjOS00ZTM4LWE4NzktZTJlMDJlZjIzNmE1";
    let again = nobody.with_header("authorization", encoded).get("/resources/carts/default").await.expect(200).json();
    assert_eq!(again, cart);
    let query = |dataset: &str| json!({ "entity_type": dataset, "filters": { "carrier": { "is": ["UA"] } } });
    let path = "/resources/carts/default/items/query";
    let job = session.post(path, &query("flights")).await.expect(202).json();
    let at = job["links"]["self"].as_str().unwrap();
    let job = session.with_header("prefer", "wait=30").get(at).await.expect(200).json();
    assert_eq!((&job["status"], &job["items_added"]), (&json!("completed"), &json!(FLIGHTS / 4)));
    session.post(path, &query("private")).await.expect(412);
    session.get("/api/v1/datasets").await.expect(403);
    session.with_header("freight-tenant", "default").get("/resources/carts/").await.expect(403);
    // Another session sees nothing of it.
    let other = nobody.with_header("authorization", "Bearer 361e1aea-82c9-4e38-a879-e2e02ef236a5");
    other.get(at).await.expect(404);
    assert_eq!(other.get("/resources/carts/").await.expect(200).json(), json!([]));
    let jobs = other.get("/api/v1/jobs").await.text();
    assert!(!jobs.contains(job["id"].as_str().unwrap()), "{jobs}");
    // No version-4 UUID, no session.
    let wrong = nobody.with_header("authorization", "Bearer 019b76da-a800-7c50-b1a5-2f6cc4d8e0f1");
    wrong.get("/resources/carts/").await.expect(401);
    server.stop().await;
}

/// So often an import is sent again that a store was too slow for.
const IMPORTS_MAX: usize = 5;

/// Makes a dataset and imports the flights of the contract.
async fn dataset(client: &Client, definition: &Value) {
    client.post("/api/v1/datasets", definition).await.expect(201);
    let lines: Vec<String> = flights().iter().map(Value::to_string).collect();
    let path = format!("/api/v1/datasets/{}/import", definition["name"].as_str().unwrap());
    let body = Bytes::from(lines.join("\n"));
    let import = || client.send_bytes(http::Method::POST, &path, Some(("application/x-ndjson", body.clone())));
    // On a bad day it may be told to come again, and what is imported twice is there once.
    let mut answer = import().await;
    for _ in 0..IMPORTS_MAX {
        if answer.status != http::StatusCode::SERVICE_UNAVAILABLE {
            break;
        }
        assert!(answer.header("retry-after").is_some(), "{}", answer.text());
        answer = import().await;
    }
    let report = answer.expect(207).json();
    assert_eq!(report["failed"], 0, "{report}");
}

/// A caller with a key that `client` makes.
async fn key(client: &Client, body: &Value) -> Client {
    let made = client.post("/api/v1/keys", body).await.expect(201).json();
    client.without_header("freight-tenant").with_key(made["key"].as_str().unwrap())
}
