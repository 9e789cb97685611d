//! The contract of tokens, on a SQLite file and in the cloud, with markets from the sandbox.

use freight::compose::Settings;
use freight::ground::Ground;
use serde_json::json;
use testkit::Client;
use testkit::aws::Odds;
use tokens::contract::{Callers, cases};

use crate::server::{Server, stand_in};
use crate::{on_cloud, on_file};

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_a_file() {
    hold(on_file::ground().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_in_the_cloud_on_a_bad_day() {
    let cloud = hold(on_cloud::ground(27, Odds::BAD_DAY).await).await;
    let fired = cloud.shim.fired();
    assert!(fired.throttled > 0 && fired.lost > 0, "{fired:?}");
}

async fn hold<T>(ground: (Ground, T)) -> T {
    let at = stand_in().await;
    let server = Server::start(ground, Settings { sandbox: Some(at), ..Settings::default() }).await;
    let key = async |client: &Client, scopes: &[&str]| {
        let made = client.post("/api/v1/keys", &json!({ "name": "caller", "scopes": scopes })).await.expect(201);
        client.without_header("freight-tenant").with_key(made.json()["key"].as_str().unwrap())
    };
    server.admin.post("/api/v1/tenants", &json!({ "name": "Other", "slug": "other" })).await.expect(201);
    let callers = Callers {
        reader: key(&server.admin, &["tokens:read"]).await,
        stranger: key(&server.admin.with_header("freight-tenant", "other"), &["tokens:read", "jobs:read"]).await,
        other: key(&server.admin, &["source:read"]).await,
        nobody: server.admin.without_header("x-api-key"),
        sandbox: Client::at(format!("http://{at}")),
    };
    cases(&callers).await;
    server.stop().await
}
