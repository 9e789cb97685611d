//! Tenants and keys.

use super::case::{Case, get, post, request};

const INVALID: &str = "validation_error";

pub(crate) fn cases() -> Vec<Case> {
    [keys(), tenants()].into_iter().flatten().collect()
}

fn keys() -> Vec<Case> {
    let keys = |body: &str| post("/api/v1/keys", body.to_owned());
    let long = format!(r#"{{"name": "{}", "role": "reader"}}"#, "a".repeat(101));
    vec![
        keys("{}").is(422, INVALID, "name"),
        keys(r#"{"name": null, "role": "reader"}"#).is(422, INVALID, "name"),
        keys(r#"{"name": 7, "role": "reader"}"#).is(422, INVALID, "name"),
        keys(r#"{"name": "", "role": "reader"}"#).is(422, INVALID, "name"),
        keys(&long).is(422, INVALID, "name"),
        keys(r#"{"name": "a"}"#).is(422, INVALID, "scopes"),
        keys(r#"{"name": "a", "role": "king"}"#).is(422, INVALID, "role"),
        keys(r#"{"name": "a", "role": 1}"#).is(422, INVALID, "role"),
        keys(r#"{"name": "a", "scopes": []}"#).is(422, INVALID, "scopes"),
        keys(r#"{"name": "a", "scopes": "jobs:read"}"#).is(422, INVALID, "scopes"),
        keys(r#"{"name": "a", "scopes": ["jobs:fly"]}"#).is(422, INVALID, "scopes"),
        keys(r#"{"name": "a", "scopes": [1]}"#).is(422, INVALID, "scopes.0"),
        keys(r#"{"name": "a", "role": "reader", "scopes": ["jobs:read"]}"#).is(422, INVALID, "scopes"),
        keys(r#"{"name": "a", "scopes": ["ops:read"]}"#).is(422, INVALID, "scopes"),
        keys(r#"{"name": "a", "role": "reader", "environment": "prod"}"#).is(422, INVALID, "environment"),
        keys(r#"{"name": "a", "role": "reader", "expires_at": "tomorrow"}"#).is(422, INVALID, "expires_at"),
        keys(r#"{"name": "a", "role": "reader", "expires_at": "2020-01-01T00:00:00Z"}"#).is(422, INVALID, "expires_at"),
        keys(r#"{"name": "a", "role": "reader", "id": "x"}"#).is(422, INVALID, "id"),
        keys(r#"{"name": "a", "role": "reader", "tenant": "system"}"#).is(422, INVALID, "tenant"),
        get("/api/v1/keys/x").is(404, "not_found", ""),
        get("/api/v1/keys/000000000000").is(404, "not_found", ""),
        request("DELETE", "/api/v1/keys/000000000000").is(404, "not_found", ""),
        post("/api/v1/keys/000000000000/rotate", "{}").is(404, "not_found", ""),
        post("/api/v1/keys/000000000000/rotate", r#"{"overlap_s": -1}"#).is(422, INVALID, "overlap_s"),
        post("/api/v1/keys/000000000000/rotate", r#"{"overlap_s": 2592001}"#).is(422, INVALID, "overlap_s"),
    ]
}

fn tenants() -> Vec<Case> {
    let tenants = |body: &str| post("/api/v1/tenants", body.to_owned());
    let set = |settings: &str| tenants(&format!(r#"{{"name": "A", "slug": "a", "settings": {settings}}}"#));
    vec![
        tenants("{}").is(422, INVALID, "name"),
        tenants(r#"{"name": "A"}"#).is(422, INVALID, "slug"),
        tenants(r#"{"name": "", "slug": "a"}"#).is(422, INVALID, "name"),
        tenants(r#"{"name": "A", "slug": ""}"#).is(422, INVALID, "slug"),
        tenants(r#"{"name": "A", "slug": "A"}"#).is(422, INVALID, "slug"),
        tenants(r#"{"name": "A", "slug": "-a"}"#).is(422, INVALID, "slug"),
        tenants(r#"{"name": "A", "slug": "a/b"}"#).is(422, INVALID, "slug"),
        tenants(r#"{"name": "A", "slug": "system"}"#).is(409, "conflict", ""),
        tenants(r#"{"name": "A", "slug": "default"}"#).is(409, "conflict", ""),
        tenants(r#"{"name": "A", "slug": "a", "id": "a"}"#).is(422, INVALID, "id"),
        tenants(r#"{"name": "A", "slug": "a", "status": "suspended"}"#).is(422, INVALID, "status"),
        set(r#"{"retention_days": 0}"#).is(422, INVALID, "settings.retention_days"),
        set(r#"{"retention_days": 3651}"#).is(422, INVALID, "settings.retention_days"),
        set(r#"{"max_concurrent_jobs": 101}"#).is(422, INVALID, "settings.max_concurrent_jobs"),
        set(r#"{"max_concurrent_jobs": 1.5}"#).is(422, INVALID, "settings.max_concurrent_jobs"),
        set(r#"{"rate_limits": {"control": ["many"]}}"#).is(422, INVALID, "settings.rate_limits"),
        set(r#"{"rate_limits": {"A": ["1/minute"]}}"#).is(422, INVALID, "settings.rate_limits"),
        set(r#"{"cors_origins": ["*"]}"#).is(422, INVALID, "settings.cors_origins"),
        set(r#"{"colour": "red"}"#).is(422, INVALID, "settings.colour"),
        get("/api/v1/tenants/nobody").is(404, "tenant_not_found", ""),
        request("PATCH", "/api/v1/tenants/system")
            .body("application/json", r#"{"status": "suspended"}"#)
            .is(409, "conflict", ""),
        request("PATCH", "/api/v1/tenants/default")
            .body("application/json", r#"{"slug": "other"}"#)
            .is(409, "conflict", ""),
        request("PATCH", "/api/v1/tenants/default")
            .body("application/json", r#"{"name": "x"}"#)
            .header("if-match", "\"other\"")
            .is(412, "precondition_failed", ""),
        request("DELETE", "/api/v1/tenants/system").is(409, "conflict", ""),
        request("DELETE", "/api/v1/tenants/nobody").is(404, "tenant_not_found", ""),
    ]
}
