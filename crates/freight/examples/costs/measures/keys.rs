//! Who is calling; keys, tenants, and the audit.

use std::time::Duration;

use serde_json::json;

use super::desk::{Desk, ROOMY, body};
use super::{Measure, Most, pass};

pub(super) async fn measures() -> Vec<Measure> {
    let mut desk = Desk::open(ROOMY).await;
    let me = ["me", "GET /api/v1/me", "a key that is known"];
    desk.get(me, Most::of(0.0, [0.0, 0.0]).counted(), "/api/v1/me").await;
    pass(&desk.clock, Duration::from_secs(2)).await;
    // The key with its use, its tenant, and the one that it acts for.
    let looked_up = ["key_lookup", "GET /api/v1/me", "a key that was not seen for a second"];
    desk.cost_unknown(looked_up, Most::of(3.0, [4.0, 0.0]).counted(), "/api/v1/me", None).await;
    keys(&mut desk).await;
    tenants(&mut desk).await;
    desk.close()
}

async fn keys(desk: &mut Desk) {
    let key = |name: &str| body(&json!({ "name": name, "role": "reader" }));
    let create = ["key_create", "POST /api/v1/keys", ""];
    let most = Most::of(2.0, [1.0, 6.0]).counted();
    let made = desk.second(create, most, "/api/v1/keys", [key("one"), key("two")]).await.json();
    let path = format!("/api/v1/keys/{}", made["id"].as_str().unwrap());
    let list = ["keys_list", "GET /api/v1/keys", "two keys"];
    desk.get(list, Most::of(3.0, [6.0, 0.0]).counted(), "/api/v1/keys").await;
    desk.get(["key_get", "GET /api/v1/keys/{id}", ""], Most::of(1.0, [2.0, 0.0]).counted(), &path).await;
    let rotate = ["key_rotate", "POST /api/v1/keys/{id}/rotate", ""];
    desk.cost(rotate, Most::of(4.0, [5.0, 8.0]).counted(), &format!("{path}/rotate"), None).await;
    let revoke = ["key_revoke", "DELETE /api/v1/keys/{id}", ""];
    desk.cost(revoke, Most::of(2.0, [2.0, 4.0]).counted(), &path, None).await;
    let audit = ["audit_list", "GET /api/v1/audit", "four events"];
    desk.get(audit, Most::of(1.0, [1.0, 0.0]).counted(), "/api/v1/audit").await;
}

async fn tenants(desk: &mut Desk) {
    let tenant = |name: &str| body(&json!({ "name": name, "slug": name }));
    let create = ["tenant_create", "POST /api/v1/tenants", ""];
    let most = Most::of(1.0, [0.0, 8.0]).counted();
    let made = desk.second(create, most, "/api/v1/tenants", [tenant("one"), tenant("two")]).await.json();
    let path = format!("/api/v1/tenants/{}", made["id"].as_str().unwrap());
    let list = ["tenants_list", "GET /api/v1/tenants", "four tenants"];
    desk.get(list, Most::of(3.0, [6.0, 0.0]).counted(), "/api/v1/tenants").await;
    desk.get(["tenant_get", "GET /api/v1/tenants/{id}", ""], Most::of(1.0, [1.0, 0.0]).counted(), &path).await;
    let update = ["tenant_update", "PATCH /api/v1/tenants/{id}", ""];
    let renamed = body(&json!({ "name": "Two" }));
    desk.cost(update, Most::of(2.0, [1.0, 4.0]).counted(), &path, renamed).await;
    desk.client.delete("/api/v1/tenants/one").await.expect(202);
    let delete = ["tenant_delete", "DELETE /api/v1/tenants/{id}", ""];
    desk.cost(delete, Most::of(2.0, [1.0, 24.0]).counted().ringing(1.0), &path, None).await;
}
