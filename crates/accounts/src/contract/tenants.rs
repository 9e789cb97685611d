//! Tenants, acting for them, and the audit.

use serde_json::json;
use testkit::Client;

use super::{acting, key, tenant, text};

pub(super) async fn a_tenant_is_made_changed_and_listed(client: &Client) {
    let before = client.get("/api/v1/tenants").await.expect(200).json()["total"].as_u64();
    let ask = json!({ "name": "Acme", "slug": "acme", "settings": { "cors_origins": ["https://acme.example"] } });
    let answer = client.post("/api/v1/tenants", &ask).await.expect(201);
    let made = answer.json();
    let id = text(&made, "id");
    assert_eq!(answer.header("location"), Some(format!("/api/v1/tenants/{id}").as_str()));
    assert!(answer.header("etag").is_some());
    assert_eq!(made["status"], "active");
    assert_eq!(made["settings"]["max_concurrent_jobs"], 10);
    assert_eq!(made["settings"]["retention_days"], 30);

    for name in [id.as_str(), "acme"] {
        assert_eq!(client.get(&format!("/api/v1/tenants/{name}")).await.expect(200).json(), made);
    }
    assert_eq!(client.post("/api/v1/tenants", &ask).await.expect(409).json()["detail"], "The slug acme is taken");
    for slug in ["", "Acme", "a.b", "-a", "a-", "public", &"a".repeat(64), &id] {
        client.post("/api/v1/tenants", &json!({ "name": "x", "slug": slug })).await.expect(422);
    }
    let unknown = client.get("/api/v1/tenants/nobody").await.expect(404).json();
    assert_eq!(
        (unknown["error"].as_str(), unknown["detail"].as_str()),
        (Some("tenant_not_found"), Some("Tenant nobody not found"))
    );

    let renamed = json!({ "slug": "acme-corp", "settings": { "retention_days": 7 } });
    let changed = client.patch("/api/v1/tenants/acme", &renamed).await.expect(200).json();
    assert_eq!((changed["slug"].as_str(), changed["name"].as_str()), (Some("acme-corp"), Some("Acme")));
    assert_eq!(changed["settings"]["retention_days"], 7);
    assert_eq!(changed["settings"]["cors_origins"][0], "https://acme.example");
    // The slug that it gave up goes on naming it, and nobody else.
    assert_eq!(client.get("/api/v1/tenants/acme").await.expect(200).json(), changed);
    client.post("/api/v1/tenants", &ask).await.expect(409);
    for slug in ["acme", "acme-corp"] {
        let again = client.patch("/api/v1/tenants/acme", &json!({ "slug": slug })).await.expect(200).json();
        assert_eq!((again["slug"].as_str(), text(&again, "id")), (Some(slug), id.clone()));
    }

    let list = client.get("/api/v1/tenants?limit=1").await.expect(200).json();
    assert_eq!(list["total"].as_u64(), before.map(|before| before + 1));
    assert_eq!(list["has_more"], true);
    let next = client.get(&format!("/api/v1/tenants?limit=1&cursor={}", text(&list, "next"))).await.expect(200).json();
    assert_ne!(next["items"][0]["id"], list["items"][0]["id"]);
}

pub(super) async fn only_what_was_seen_is_changed(client: &Client) {
    let id = tenant(client, "seen").await;
    let path = format!("/api/v1/tenants/{id}");
    let seen = client.get(&path).await.expect(200).header("etag").expect("an ETag").to_owned();
    let careful = client.with_header("if-match", &seen);
    let changed = careful.patch(&path, &json!({ "name": "First" })).await.expect(200);
    assert_ne!(changed.header("etag"), Some(seen.as_str()));
    let late = careful.patch(&path, &json!({ "name": "Second" })).await.expect(412).json();
    assert_eq!(late["error"], "precondition_failed");
    careful.delete(&path).await.expect(412);
    client.with_header("if-match", "\"foreign\"").patch(&path, &json!({ "name": "Third" })).await.expect(412);
    let now = client.get(&path).await.expect(200);
    assert_eq!((now.json()["name"].as_str(), now.header("etag")), (Some("First"), changed.header("etag")));
}

pub(super) async fn settings_out_of_range_are_named(client: &Client) {
    let wrong = [
        (json!({ "max_concurrent_jobs": 0 }), "settings.max_concurrent_jobs"),
        (json!({ "max_concurrent_jobs": 101 }), "settings.max_concurrent_jobs"),
        (json!({ "retention_days": 3651 }), "settings.retention_days"),
        (json!({ "rate_limits": { "control": ["100/fortnight"] } }), "settings.rate_limits"),
        (json!({ "rate_limits": { "control": ["0/minute"] } }), "settings.rate_limits"),
        (json!({ "rate_limits": { "Not A Name": [] } }), "settings.rate_limits"),
        (json!({ "cors_origins": ["*"] }), "settings.cors_origins"),
        (json!({ "cors_origins": ["https://a.example/path"] }), "settings.cors_origins"),
        (json!({ "cors_origins": ["ftp://a.example"] }), "settings.cors_origins"),
    ];
    for (settings, field) in wrong {
        let body = json!({ "name": "x", "slug": "wrong-settings", "settings": settings });
        let problem = client.post("/api/v1/tenants", &body).await.expect(422).json();
        assert_eq!(problem["details"][0]["field"], field, "{problem}");
    }
    client.get("/api/v1/tenants/wrong-settings").await.expect(404);
}

pub(super) async fn a_suspended_tenant_is_forbidden(client: &Client) {
    tenant(client, "sleepy").await;
    let (_, admin) = key(&acting(client, "sleepy"), "admin").await;
    admin.get("/api/v1/me").await.expect(200);
    let status = async |status: &str| {
        client.patch("/api/v1/tenants/sleepy", &json!({ "status": status })).await.expect(200);
    };
    status("suspended").await;
    assert_eq!(admin.get("/api/v1/me").await.expect(403).json()["error"], "forbidden");
    acting(client, "sleepy").get("/api/v1/me").await.expect(403);
    status("active").await;
    admin.get("/api/v1/me").await.expect(200);
    client.patch("/api/v1/tenants/system", &json!({ "status": "suspended" })).await.expect(409);
    client.patch("/api/v1/tenants/default", &json!({ "slug": "other" })).await.expect(409);
    client.delete("/api/v1/tenants/system").await.expect(409);
}

pub(super) async fn only_system_acts_for_others(client: &Client) {
    let id = tenant(client, "acted-for").await;
    for name in [id.as_str(), "acted-for"] {
        assert_eq!(acting(client, name).get("/api/v1/me").await.expect(200).json()["tenant"]["id"], *id);
    }
    assert_eq!(acting(client, "system").get("/api/v1/me").await.expect(200).json()["tenant"]["id"], "system");
    assert_eq!(acting(client, "nobody").get("/api/v1/me").await.expect(404).json()["error"], "tenant_not_found");
    let (_, admin) = key(&acting(client, "acted-for"), "admin").await;
    for name in ["default", "system", "acted-for", "nobody"] {
        acting(&admin, name).get("/api/v1/me").await.expect(403);
    }
    // What is the same for everybody is nobody's own, and is looked after by the platform.
    let public = acting(client, "public");
    assert_eq!(public.get("/api/v1/me").await.expect(200).json()["tenant"]["id"], "public");
    public.post("/api/v1/keys", &json!({ "name": "x", "role": "reader" })).await.expect(409);
    acting(&admin, "public").get("/api/v1/me").await.expect(403);
    admin.get("/api/v1/tenants").await.expect(403);
    admin.post("/api/v1/tenants", &json!({ "name": "x", "slug": "x" })).await.expect(403);
}

pub(super) async fn one_of_many_gets_the_slug(client: &Client) {
    let body = json!({ "name": "Coveted", "slug": "coveted" });
    let mut racers = Vec::new();
    for _ in 0..8 {
        let (client, body) = (client.clone(), body.clone());
        racers.push(tokio::spawn(async move { client.post("/api/v1/tenants", &body).await.status.as_u16() }));
    }
    let mut statuses = Vec::new();
    for racer in racers {
        statuses.push(racer.await.expect("a racer that arrives"));
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

pub(super) async fn the_audit_tells_what_was_done(client: &Client) {
    let tenant_id = tenant(client, "audited").await;
    let acting_for = acting(client, "audited");
    let (id, reader) = key(&acting_for, "reader").await;
    acting_for.delete(&format!("/api/v1/keys/{id}")).await.expect(204);
    reader.get("/api/v1/me").await.expect(401);
    reader.get("/api/v1/audit").await.expect(401);
    let (second, writer) = key(&acting_for, "writer").await;
    writer.get("/api/v1/audit").await.expect(403);

    let audit = acting_for.get("/api/v1/audit").await.expect(200).json();
    let items = audit["items"].as_array().expect("a list");
    let events: Vec<_> = items.iter().filter(|item| item["type"] == "event").collect();
    let told: Vec<_> = events.iter().map(|item| (text(item, "action"), text(item, "subject"))).collect();
    let expected = [("key.created", &second), ("key.revoked", &id), ("key.created", &id)];
    assert_eq!(told, expected.map(|(action, subject)| (action.to_owned(), subject.clone())));
    let me = client.get("/api/v1/me").await.expect(200).json();
    assert!(events.iter().all(|item| item["actor"] == me["principal"]), "{audit}");
    let denied: i64 =
        items.iter().filter(|item| item["type"] == "denials").filter_map(|item| item["count"].as_i64()).sum();
    assert_eq!(denied, 3, "{audit}");
    assert!(audit.to_string().contains("scope keys:admin missing"));

    let first = acting_for.get("/api/v1/audit?limit=1").await.expect(200).json();
    let next = text(&first, "next");
    let second = acting_for.get(&format!("/api/v1/audit?limit=1&cursor={next}")).await.expect(200).json();
    assert_eq!([&first["items"][0], &second["items"][0]], [&items[0], &items[1]]);
    // What is done to a tenant is remembered by the platform, and a cursor is good for one tenant.
    let system = acting(client, "system").get("/api/v1/audit").await.expect(200).json();
    let made = |item: &&serde_json::Value| item["action"] == "tenant.created" && item["subject"] == *tenant_id;
    assert_eq!(system["items"].as_array().expect("a list").iter().filter(made).count(), 1);
    let foreign = client.get(&format!("/api/v1/audit?limit=1&cursor={next}")).await;
    assert!(foreign.status.is_client_error(), "a cursor of another tenant was taken");
}

pub(super) async fn a_tenant_on_its_way_out_is_shut(client: &Client) {
    let id = tenant(client, "leaver").await;
    let path = format!("/api/v1/tenants/{id}");
    let (_, admin) = key(&acting(client, "leaver"), "admin").await;
    let answer = client.delete(&path).await.expect(202);
    let job = text(&answer.json(), "job_id");
    assert_eq!(answer.header("location"), Some(format!("/api/v1/jobs/{job}").as_str()));
    admin.get("/api/v1/me").await.expect(403);
    let shown = client.get(&path).await.expect(200).json();
    assert_eq!(shown["status"], "suspended");
    assert!(shown["deleting_since"].is_string());
    client.patch(&path, &json!({ "status": "active" })).await.expect(409);
    assert_eq!(text(&client.delete(&path).await.expect(202).json(), "job_id"), job);
    let audit = acting(client, "system").get("/api/v1/audit").await.expect(200);
    assert!(audit.text().contains("tenant.leaving"));
}
