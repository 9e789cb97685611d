//! The one shape of a failure.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;

use crate::server::{request, server, server_with};

#[tokio::test]
async fn every_kind_has_its_status_and_code_and_keeps_the_internal_text_inside() {
    let server = server();
    for (how, status, code) in [
        ("malformed", 400, "validation_error"),
        ("invalid", 422, "validation_error"),
        ("unauthenticated", 401, "unauthenticated"),
        ("forbidden", 403, "forbidden"),
        ("not_found", 404, "not_found"),
        ("tenant_not_found", 404, "tenant_not_found"),
        ("conflict", 409, "conflict"),
        ("gone", 410, "gone"),
        ("precondition_failed", 412, "precondition_failed"),
        ("too_large", 413, "too_large"),
        ("unsupported_media", 415, "validation_error"),
        ("rate_limited", 429, "rate_limited"),
        ("not_implemented", 501, "unavailable"),
        ("full", 507, "unavailable"),
        ("timeout", 504, "unavailable"),
        ("upstream", 502, "unavailable"),
        ("unavailable", 503, "unavailable"),
        ("internal", 500, "internal_server_error"),
    ] {
        let reply = server.get(&format!("/api/v1/fail?how={how}")).await.expect(status);
        assert_eq!(reply.json()["error"], code, "{how}");
        assert_eq!(reply.json()["status"], status);
        assert!(!String::from_utf8_lossy(&reply.body).contains("operator"), "{how}");
    }
}

#[tokio::test]
async fn a_problem_has_every_member_that_the_five_interfaces_promise() {
    let server = server();
    let call = request("GET", "/api/v1/things?limit=0").header("x-api-key", "good").header("x-request-id", "mine-1");
    let reply = server.send(call.body(Body::empty()).unwrap()).await.expect(422);
    assert_eq!(reply.header("content-type"), "application/problem+json");
    let expected = serde_json::json!({
        "type": "about:blank", "title": "Unprocessable Entity", "status": 422,
        "detail": "Limit must be between 1 and 1000", "instance": "/api/v1/things", "status_code": 422,
        "error": "validation_error", "message": "Limit must be between 1 and 1000",
        "details": [{"type": "value_error", "message": "Limit must be between 1 and 1000", "field": "limit"}],
        "request_id": "mine-1", "timestamp": "2026-11-22T10:00:00Z",
    });
    assert_eq!(reply.json(), expected);
}

#[tokio::test]
async fn a_panic_is_a_500_with_the_two_sentences_of_old() {
    let reply = server().get("/api/v1/fail?how=panic").await.expect(500);
    let json = reply.json();
    assert_eq!(json["detail"], "An unexpected and uncaught exception was raised during an API call.");
    assert_eq!(json["message"], "An unexpected error occurred");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let server = server();
    assert_eq!(server.get("/nowhere").await.expect(404).json()["error"], "not_found");
    let reply = server.send(request("DELETE", "/api/v1/things").body(Body::empty()).unwrap()).await.expect(405);
    assert_eq!(reply.header("content-type"), "application/problem+json");
    let mut allowed: Vec<_> = reply.header("allow").split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
    assert_eq!(server.get("/api/v1/things/nothing").await.expect(404).json()["detail"], "Thing nothing not found");
}

#[tokio::test]
async fn a_router_answers_in_its_own_way() {
    let server = server();
    let malformed = server.post("/resources/carts", &[], "{").await.expect(412);
    assert_eq!(malformed.json()["data"], serde_json::json!({}));
    server.post("/resources/carts", &[], r#"{"name": 1}"#).await.expect(412);
    server.post("/resources/carts?x=1", &[], r#"{"name": "a"}"#).await.expect(412);
    server.post("/api/v1/things", &[], "{").await.expect(400);
}

#[tokio::test]
async fn a_handler_that_does_not_end_is_ended() {
    let server = Arc::new(server());
    let call = {
        let server = Arc::clone(&server);
        tokio::spawn(async move { server.post("/api/v1/hang", &[], "").await })
    };
    server.begun.notified().await;
    server.clock.advance(Duration::from_secs(29));
    tokio::task::yield_now().await;
    assert!(!call.is_finished());
    server.clock.advance(Duration::from_secs(1));
    let reply = call.await.unwrap().expect(504);
    assert_eq!(reply.json()["error"], "unavailable");
}

#[tokio::test]
async fn a_preferred_wait_extends_the_time_and_is_confirmed() {
    let server = Arc::new(server());
    let quick = server.post("/api/v1/hang", &[("prefer", "respond-async, wait=4")], "").await.expect(200);
    assert_eq!(quick.header("preference-applied"), "wait=4");
    server.begun.notified().await;
    let call = {
        let server = Arc::clone(&server);
        tokio::spawn(async move { server.post("/api/v1/hang", &[("prefer", "wait=300")], "").await })
    };
    server.begun.notified().await;
    server.clock.advance(Duration::from_secs(59));
    tokio::task::yield_now().await;
    assert!(!call.is_finished(), "30 s and the longest wait");
    server.clock.advance(Duration::from_secs(1));
    call.await.unwrap().expect(504);
}

#[tokio::test]
async fn what_is_too_much_is_shed_and_probes_are_answered() {
    let server = server_with(web::Config { requests_max: 0, ..web::Config::default() });
    let reply = server.get("/api/v1/me").await.expect(503);
    assert_eq!(reply.header("retry-after"), "1");
    server.get("/livez").await.expect(200);
    server.get("/readyz").await.expect(200);
}
