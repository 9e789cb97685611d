//! The contract of source, on a SQLite file and in the cloud; and that no key is in the file.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends by panicking")]

mod on_cloud;
mod on_file;
mod server;

use freight::compose::Settings;
use freight::ground::Ground;
use serde_json::json;
use server::Server;
use source::contract::{Callers, cases, largest};
use testkit::Client;
use testkit::aws::Odds;

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_a_file() {
    let (server, callers, keys) = hold(on_file::ground().await).await;
    largest(&callers).await;
    let stored = server.admin.post_empty("/api/v1/backup").await.expect(200).bytes;
    assert!(
        stored.windows(10).any(|bytes| bytes == b"wind\":{\"sp"),
        "what was written is looked for in the right file"
    );
    for key in keys {
        // The public id is what records show; the secret is what follows it.
        let secret = &key[key.len() - 38..];
        assert!(!stored.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()), "a key is in the file");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_in_the_cloud_on_a_bad_day() {
    let (server, _, _) = hold(on_cloud::ground(24, Odds::BAD_DAY).await).await;
    let fired = server.stop().await.shim.fired();
    assert!(fired.throttled > 0 && fired.conflicts > 0 && fired.lost > 0, "{fired:?}");
}

/// Runs the cases; the server, who called, and the keys that wrote and read.
async fn hold<T>(ground: (Ground, T)) -> (Server<T>, Callers, [String; 2]) {
    let server = Server::start(ground, Settings::default()).await;
    let (writer, write_key) = key(&server.admin, &json!({ "name": "device", "scopes": ["source:write"] })).await;
    let (reader, read_key) = key(&server.admin, &json!({ "name": "app", "scopes": ["source:read"] })).await;
    let unlimited = json!({ "name": "Other", "slug": "other", "settings": { "rate_limits": { "control": [] } } });
    server.admin.post("/api/v1/tenants", &unlimited).await.expect(201);
    let other = server.admin.with_header("freight-tenant", "other");
    let (stranger, _) = key(&other, &json!({ "name": "stranger", "role": "admin" })).await;
    let callers = Callers { admin: server.admin.clone(), writer, reader, stranger };
    cases(&callers).await;
    (server, callers, [write_key, read_key])
}

/// A caller with a key that `client` makes, and the key.
async fn key(client: &Client, body: &serde_json::Value) -> (Client, String) {
    let made = client.post("/api/v1/keys", body).await.expect(201).json();
    let key = made["key"].as_str().unwrap().to_owned();
    (client.without_header("freight-tenant").with_key(&key), key)
}
