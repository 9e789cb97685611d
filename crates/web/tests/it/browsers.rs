//! What browsers and proxies add: origins, hosts, headers, tags.

use axum::body::Body;
use futures::StreamExt;
use tower::ServiceExt;
use web::Config;

use crate::server::{Reply, Server, from, request, server, server_with};

async fn call(server: &Server, method: &str, target: &str, headers: &[(&str, &str)]) -> Reply {
    let call = request(method, target).header("x-api-key", "good");
    let call = headers.iter().fold(call, |call, (name, value)| call.header(*name, *value));
    server.send(call.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn origins_are_compared_as_they_stand() {
    let server = server();
    for (origin, allowed) in [
        ("https://one.example", true),
        ("https://two.example", false),
        ("https://one.example.evil", false),
        ("https://evil-one.example", false),
        ("http://one.example", false),
        ("https://one.example:8443", false),
        ("https://ONE.example", false),
        ("https://one.example.", false),
        ("null", false),
    ] {
        let reply = call(&server, "GET", "/api/v1/me", &[("origin", origin)]).await.expect(200);
        let expected = if allowed { origin } else { "" };
        assert_eq!(reply.header("access-control-allow-origin"), expected, "{origin}");
        assert_eq!(reply.header("access-control-expose-headers").contains("x-request-id"), allowed);
        assert_eq!(reply.header("vary"), "Origin");
        assert_eq!(reply.header("access-control-allow-credentials"), "");
    }
}

#[tokio::test]
async fn a_preflight_is_answered_for_all_tenants_together() {
    let server = server();
    let preflight = async |origin: &str| {
        let headers = [("origin", origin), ("access-control-request-method", "POST")];
        call(&server, "OPTIONS", "/api/v1/things", &headers).await.expect(204)
    };
    for origin in ["https://one.example", "https://two.example"] {
        let reply = preflight(origin).await;
        assert_eq!(reply.header("access-control-allow-origin"), origin);
        assert!(reply.header("access-control-allow-headers").contains("idempotency-key"));
        assert_eq!(reply.header("access-control-max-age"), "600");
    }
    assert_eq!(preflight("https://evil.example").await.header("access-control-allow-origin"), "");
    assert_eq!(preflight("null").await.header("access-control-allow-origin"), "");
    call(&server, "OPTIONS", "/api/v1/things", &[]).await.expect(405);
}

#[tokio::test]
async fn a_wildcard_is_said_as_one() {
    let server = server_with(Config { cors_origins: vec!["*".to_owned()], ..Config::default() });
    let reply = call(&server, "GET", "/api/v1/me", &[("origin", "https://any.example")]).await;
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    assert_eq!(reply.header("access-control-allow-credentials"), "");
}

#[tokio::test]
async fn the_server_goes_by_its_names() {
    let server = server_with(Config { allowed_hosts: vec!["api.example".to_owned()], ..Config::default() });
    for (host, status) in [
        ("api.example", 200),
        ("API.example:8443", 200),
        ("api.example.", 200),
        ("localhost:8000", 200),
        ("127.0.0.1", 200),
        ("[::1]:8000", 200),
        ("evil.example", 421),
        ("api.example.evil", 421),
        ("user@api.example", 400),
        ("a b", 400),
    ] {
        let call = http::Request::builder().uri("/livez").header("host", host).body(Body::empty()).unwrap();
        assert_eq!(server.send(call).await.status, status, "{host}");
    }
    let none = http::Request::builder().uri("/livez").body(Body::empty()).unwrap();
    server.send(none).await.expect(400);
    let two = request("GET", "/livez").header("host", "api.example").body(Body::empty()).unwrap();
    server.send(two).await.expect(400);
}

#[tokio::test]
async fn heads_are_bounded() {
    let server = server();
    let target = |bytes: usize| format!("/api/v1/me?x={}", "x".repeat(bytes - 13));
    call(&server, "GET", &target(8 << 10), &[]).await.expect(422);
    call(&server, "GET", &target((8 << 10) + 1), &[]).await.expect(414);
    let large = "x".repeat(32 << 10);
    call(&server, "GET", "/livez", &[("x-large", &large)]).await.expect(431);
    let many: Vec<_> = (0..99).map(|_| ("x-many", "1")).collect();
    call(&server, "GET", "/livez", &many).await.expect(431);
    call(&server, "GET", "/livez", &many[..90]).await.expect(200);
}

#[tokio::test]
async fn paths_that_others_might_read_differently_are_refused() {
    let server = server();
    for path in
        ["/api/%2e%2e/livez", "/api/../livez", "/livez%00", "/api\\livez", "/api%5clivez", "/%c0%ae/", "/./livez"]
    {
        let call = http::Request::builder().uri(path).header("host", "localhost").body(Body::empty());
        if let Ok(call) = call {
            server.send(call).await.expect(400);
        }
    }
}

#[tokio::test]
async fn every_answer_has_its_headers() {
    let server = server();
    let reply = call(&server, "GET", "/api/v1/me", &[("x-request-id", "mine.1")]).await.expect(200);
    assert_eq!(reply.header("x-request-id"), "mine.1");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert_eq!(reply.header("x-frame-options"), "DENY");
    assert_eq!(reply.header("referrer-policy"), "no-referrer");
    assert_eq!(reply.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
    assert!(reply.header("server-timing").starts_with("total;dur="));
    let made = call(&server, "GET", "/nowhere", &[("x-request-id", "not valid!")]).await.expect(404);
    assert_eq!(made.header("x-request-id").len(), 32);
    assert_eq!(made.json()["request_id"], made.header("x-request-id"));
    assert_eq!(made.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn what_a_stranger_posts_is_answered_for_them_alone() {
    let server = server();
    let made = server.post("/resources/carts", &[], r#"{"name":"mine"}"#).await.expect(201);
    assert_eq!(made.header("cache-control"), "no-store");
    // What anybody may read is nobody's own.
    assert_eq!(server.get("/old").await.expect(200).header("cache-control"), "");
}

#[tokio::test]
async fn a_retired_path_says_so() {
    let reply = call(&server(), "GET", "/old", &[]).await.expect(200);
    assert_eq!(reply.header("deprecation"), "@1767225600");
    assert_eq!(reply.header("sunset"), "Fri, 01 Jan 2027 00:00:00 GMT");
}

#[tokio::test]
async fn tags_save_answers_and_guard_changes() {
    let server = server();
    let tag = call(&server, "GET", "/api/v1/things/1", &[]).await.expect(200).header("etag").to_owned();
    assert_eq!(tag, "\"00000000000000000000000000000007\"");
    let weak = format!("\"x\", W/{tag}");
    for (header, status) in [(tag.as_str(), 304), (weak.as_str(), 304), ("*", 304), ("\"x\"", 200)] {
        let reply = call(&server, "GET", "/api/v1/things/1", &[("if-none-match", header)]).await.expect(status);
        assert_eq!(reply.body.is_empty(), status == 304);
        assert_eq!(reply.header("etag"), tag);
    }
    for (header, status) in [(tag.as_str(), 200), ("*", 200), ("\"x\"", 412), (weak.as_str(), 412)] {
        let call = request("PATCH", "/api/v1/things/1").header("x-api-key", "good").header("if-match", header);
        let call = call.header("content-type", "application/json").body(Body::from(r#"{"name":"a"}"#)).unwrap();
        server.send(call).await.expect(status);
    }
}

#[tokio::test]
async fn the_source_is_the_last_hop_that_a_trusted_proxy_saw() {
    let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    let server = server_with(Config { trusted_proxies, ..Config::default() });
    for (peer, expected) in [("10.1.1.1", "198.51.100.7"), ("203.0.113.1", "203.0.113.1")] {
        let call =
            request("GET", "/api/v1/me").header("x-api-key", "good").header("x-forwarded-for", "6.6.6.6, 198.51.100.7");
        let reply = server.send(from(peer, call.body(Body::empty()).unwrap())).await.expect(200);
        assert_eq!(reply.json()["name"], format!("one key:good {expected}"));
    }
}

#[tokio::test]
async fn a_base_path_is_taken_off() {
    let server = server_with(Config { base_path: "/freight".to_owned(), ..Config::default() });
    call(&server, "GET", "/freight/api/v1/me", &[]).await.expect(200);
    call(&server, "GET", "/freight/api/v1/things?limit=1", &[]).await.expect(200);
    call(&server, "GET", "/livez", &[]).await.expect(200);
    call(&server, "GET", "/freightage/livez", &[]).await.expect(404);
}

#[tokio::test]
async fn events_flow_until_the_server_stops() {
    let server = server();
    let call = request("GET", "/api/v1/things/events").header("x-api-key", "good").header("last-event-id", "41");
    let response = server.app.router().oneshot(call.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut chunks = response.into_body().into_data_stream();
    let first = chunks.next().await.unwrap().unwrap();
    assert_eq!(first, "event: thing\ndata: {\"name\":\"after 41\"}\nid: 1\n\n");
    server.app.lifecycle().stop();
    assert!(chunks.next().await.is_none());
}
