//! The contract of ingest, on a SQLite file and in the cloud, with `users` from the sandbox.

use freight::compose::Settings;
use freight::ground::Ground;
use ingest::contract::{Callers, cases};
use serde_json::json;
use testkit::Client;
use testkit::aws::Odds;

use crate::server::{Server, stand_in};
use crate::{on_cloud, on_file};

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_a_file() {
    hold(on_file::ground().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_in_the_cloud_on_a_bad_day() {
    let cloud = hold(on_cloud::ground(23, Odds::BAD_DAY).await).await;
    let fired = cloud.shim.fired();
    assert!(fired.throttled > 0 && fired.conflicts > 0 && fired.lost > 0, "{fired:?}");
}

async fn hold<T>(ground: (Ground, T)) -> T {
    let sandbox = stand_in().await;
    let server = Server::start(ground, Settings { sandbox: Some(sandbox), ..Settings::default() }).await;

    let reader = key(&server.admin, &json!({ "name": "reader", "scopes": ["ingest:read"] })).await;
    let unlimited = json!({ "name": "Other", "slug": "other", "settings": { "rate_limits": { "control": [] } } });
    server.admin.post("/api/v1/tenants", &unlimited).await.expect(201);
    let other = server.admin.with_header("freight-tenant", "other");
    let stranger = key(&other, &json!({ "name": "stranger", "role": "admin" })).await;
    cases(&Callers { admin: server.admin.clone(), reader, stranger }).await;
    server.stop().await
}

/// A caller with a key that `client` makes.
async fn key(client: &Client, body: &serde_json::Value) -> Client {
    let made = client.post("/api/v1/keys", body).await.expect(201).json();
    client.without_header("freight-tenant").with_key(made["key"].as_str().unwrap())
}
