//! Who is calling, and the keys they call with.

use base::Environment;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use testkit::Client;

use super::{acting, key, tenant, text};
use crate::model::{KeyId, mint};

pub(super) async fn me_says_who_is_calling(client: &Client) {
    let me = client.get("/api/v1/me").await.expect(200).json();
    assert_eq!(me["tenant"]["id"], "default");
    assert_eq!(text(&me, "principal"), format!("key:{}", text(&me["key"], "id")));
    assert_eq!(me["key"]["environment"], "live");
    assert_eq!(me["scopes"].as_array().map(Vec::len), Some(14));

    let limited =
        json!({ "name": "Limited", "slug": "limited", "settings": { "rate_limits": { "control": ["7/hour"] } } });
    client.post("/api/v1/tenants", &limited).await.expect(201);
    let me = acting(client, "limited").get("/api/v1/me").await.expect(200).json();
    let limits = json!({ "policy": "control-hour", "limit": 7, "window_s": 3600, "remaining": 6 });
    for (name, value) in limits.as_object().into_iter().flatten() {
        assert_eq!(me["limits"][0][name], *value, "{me}");
    }
}

pub(super) async fn a_bad_credential_is_refused_in_its_own_words(client: &Client) {
    let nobody = client.without_header("x-api-key");
    refused(&nobody, "API key required").await;
    refused(&nobody.with_key("secret"), "Invalid API key format").await;
    refused(&nobody.with_key("frt_live_0123"), "Invalid API key format").await;
    let good = client.post("/api/v1/keys", &json!({ "name": "once", "role": "reader" })).await.expect(201).json();
    let good = text(&good, "key");
    let other = if good.ends_with('0') { "1" } else { "0" };
    refused(&nobody.with_key(&format!("{}{other}", &good[..good.len() - 1])), "Invalid API key format").await;
    let id = &good["frt_live_".len()..][..12];
    let id: KeyId = id.parse().expect("the id of a key");
    refused(&nobody.with_key(mint(Environment::Live, &id).expose()), "Invalid API key").await;
    let unknown: KeyId = "000000000000".parse().expect("an id");
    refused(&nobody.with_key(mint(Environment::Live, &unknown).expose()), "Invalid API key").await;

    let bearer = |key: &str| format!("Bearer {key}");
    nobody.with_header("authorization", &bearer(&good)).get("/api/v1/me").await.expect(200);
    nobody.with_key(&good).with_header("authorization", &bearer(&good)).get("/api/v1/me").await.expect(200);
    client.with_header("authorization", &bearer(&good)).get("/api/v1/me").await.expect(400);
    nobody.get(&format!("/api/v1/me?api_key={good}")).await.expect(400);
}

async fn refused(client: &Client, detail: &str) {
    let problem = client.get("/api/v1/me").await.expect(401).json();
    assert_eq!(problem["detail"], detail);
    assert_eq!(problem["error"], "unauthenticated");
}

pub(super) async fn a_key_is_shown_once_works_and_is_revoked(client: &Client) {
    let ask = json!({ "name": "reporting", "role": "reader" });
    let answer = client.post("/api/v1/keys", &ask).await.expect(201);
    let location = answer.header("location").expect("where the key is").to_owned();
    let made = answer.json();
    let (id, key) = (text(&made, "id"), text(&made, "key"));
    assert_eq!(location, format!("/api/v1/keys/{id}"));
    assert!(key.starts_with(&format!("frt_live_{id}")) && key.len() == 59, "{key}");

    let shown = client.get(&location).await.expect(200);
    assert!(!shown.text().contains(&key[21..53]), "a secret is shown twice");
    assert_eq!(shown.json()["status"], "active");
    let list = client.get("/api/v1/keys").await.expect(200);
    assert!(!list.text().contains(&key[21..53]), "a secret is listed");
    assert!(find(&list.json(), &id).is_some());

    let reader = client.with_key(&key);
    reader.get("/api/v1/me").await.expect(200);
    reader.get("/api/v1/keys").await.expect(403);
    client.delete(&location).await.expect(204);
    refused(&reader, "Invalid API key").await;
    client.delete(&location).await.expect(204);
    assert_eq!(client.get(&location).await.expect(200).json()["status"], "revoked");
}

fn find<'a>(list: &'a Value, id: &str) -> Option<&'a Value> {
    list["items"].as_array()?.iter().find(|item| item["id"] == id)
}

pub(super) async fn nobody_gives_what_they_lack(client: &Client) {
    tenant(client, "givers").await;
    let (_, admin) = key(&acting(client, "givers"), "admin").await;
    let (_, writer) = key(&admin, "writer").await;
    writer.post("/api/v1/keys", &json!({ "name": "x", "role": "reader" })).await.expect(403);

    let keeper = json!({ "name": "keeper", "scopes": ["keys:admin"] });
    let keeper = admin.post("/api/v1/keys", &keeper).await.expect(201).json();
    let keeper = admin.with_key(&text(&keeper, "key"));
    keeper.post("/api/v1/keys", &json!({ "name": "x", "scopes": ["ingest:read"] })).await.expect(403);
    let (strong, _) = key(&admin, "admin").await;
    let rotate = format!("/api/v1/keys/{strong}/rotate");
    keeper.post_empty(&rotate).await.expect(403);

    for scope in ["tenants:admin", "ops:read"] {
        let ask = json!({ "name": "x", "scopes": [scope] });
        admin.post("/api/v1/keys", &ask).await.expect(403);
        acting(client, "givers").post("/api/v1/keys", &ask).await.expect(422);
    }
    // Another tenant's key is nobody's.
    let foreign = client.get(&format!("/api/v1/keys/{strong}")).await.expect(404).json();
    assert_eq!(foreign["detail"], format!("Key {strong} not found"));
    client.delete(&format!("/api/v1/keys/{strong}")).await.expect(404);
    client.post_empty(&rotate).await.expect(404);
}

pub(super) async fn rotation_keeps_the_principal(client: &Client) {
    let (id, old) = key(client, "reader").await;
    let principal = old.get("/api/v1/me").await.expect(200).json()["principal"].clone();
    let rotate = format!("/api/v1/keys/{id}/rotate");
    let made = client.post_empty(&rotate).await.expect(201).json();
    assert_eq!((&made["principal"], &made["expires_at"]), (&principal, &Value::Null));
    let new = client.with_key(&text(&made, "key"));
    for both in [&old, &new] {
        assert_eq!(both.get("/api/v1/me").await.expect(200).json()["principal"], principal);
    }
    assert!(client.get(&format!("/api/v1/keys/{id}")).await.expect(200).json()["expires_at"].is_string());

    // The old key ends, but was made to last for ever.
    let made = client.post(&rotate, &json!({ "overlap_s": 0 })).await.expect(201).json();
    assert_eq!((&made["principal"], &made["expires_at"]), (&principal, &Value::Null));
    refused(&old, "Invalid API key").await;
    client.post_empty(&rotate).await.expect(409);

    let ask = json!({ "name": "long", "role": "reader", "expires_at": "2999-01-01T00:00:00Z" });
    let long = client.post("/api/v1/keys", &ask).await.expect(201).json();
    let rotate = format!("/api/v1/keys/{}/rotate", text(&long, "id"));
    for _ in 0..2 {
        let made = client.post_empty(&rotate).await.expect(201).json();
        assert_eq!(lifetime(&made), lifetime(&long));
    }
}

fn lifetime(key: &Value) -> SignedDuration {
    let at = |field| text(key, field).parse::<Timestamp>().expect("an instant");
    at("expires_at").duration_since(at("created_at"))
}

pub(super) async fn a_test_key_makes_test_keys(client: &Client) {
    let of = |environment| json!({ "name": "keeper", "role": "admin", "environment": environment });
    let (live, _) = key(client, "reader").await;
    for (own, other) in [("test", "dev"), ("dev", "test")] {
        let made = client.post("/api/v1/keys", &of(own)).await.expect(201).json();
        let keeper = client.with_key(&text(&made, "key"));
        for another in ["live", other] {
            keeper.post("/api/v1/keys", &of(another)).await.expect(403);
        }
        let made = keeper.post("/api/v1/keys", &json!({ "name": "plain", "role": "reader" })).await.expect(201);
        assert_eq!(made.json()["environment"], own);
        keeper.post_empty(&format!("/api/v1/keys/{live}/rotate")).await.expect(403);
        let made = keeper.post("/api/v1/keys", &of(own)).await.expect(201).json();
        keeper.post_empty(&format!("/api/v1/keys/{}/rotate", text(&made, "id"))).await.expect(201);
    }
}

pub(super) async fn what_a_key_cannot_be_is_named(client: &Client) {
    let wrong = [
        (json!({ "name": "", "role": "reader" }), "name"),
        (json!({ "name": "x", "role": "owner" }), "role"),
        (json!({ "name": "x", "scopes": [] }), "scopes"),
        (json!({ "name": "x", "scopes": ["all"] }), "scopes"),
        (json!({ "name": "x" }), "scopes"),
        (json!({ "name": "x", "role": "reader", "scopes": ["carts:read"] }), "scopes"),
        (json!({ "name": "x", "role": "reader", "expires_at": "2020-01-01T00:00:00Z" }), "expires_at"),
    ];
    for (body, field) in wrong {
        let problem = client.post("/api/v1/keys", &body).await.expect(422).json();
        assert_eq!(problem["details"][0]["field"], field, "{problem}");
    }
    for field in ["tenant", "tenant_id", "principal", "id", "hash", "created_by", "acts_for"] {
        let answer = client.post("/api/v1/keys", &json!({ "name": "x", "role": "reader", field: "system" })).await;
        assert!(answer.status.is_client_error(), "{field} was taken");
    }
}

pub(super) async fn a_dev_key_is_for_this_machine(client: &Client) {
    let ask = json!({ "name": "dev", "role": "reader", "environment": "dev" });
    let made = client.post("/api/v1/keys", &ask).await.expect(201).json();
    let key = text(&made, "key");
    assert!(key.starts_with("frt_dev_") && key.len() == 58, "{key}");
    let dev = client.with_key(&key);
    dev.get("/api/v1/me").await.expect(200);
    if dev.is_in_process() {
        let elsewhere = std::net::SocketAddr::from(([192, 0, 2, 7], 4711));
        refused(&dev.from_peer(elsewhere), "Invalid API key").await;
    }
}
