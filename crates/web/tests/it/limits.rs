//! How much a caller may ask.

use std::time::Duration;

use crate::server::server;

#[tokio::test]
async fn a_control_route_takes_a_hundred_a_minute_and_says_what_is_left() {
    let server = server();
    let first = server.get("/api/v1/me").await.expect(200);
    assert_eq!(first.header("ratelimit-policy"), r#""control-hour";q=1000;w=3600, "control-minute";q=100;w=60"#);
    assert_eq!(first.header("ratelimit"), r#""control-hour";r=999;t=3660, "control-minute";r=99;t=61"#);
    assert_eq!(first.header("x-ratelimit-limit"), "100");
    assert_eq!(first.header("x-ratelimit-remaining"), "99");
    assert_eq!(first.header("x-ratelimit-reset"), "61");
    for _ in 1..100 {
        server.get_as("colleague", "/api/v1/me").await.expect(200);
    }
    let refused = server.get("/api/v1/me").await.expect(429);
    assert_eq!(refused.header("x-ratelimit-remaining"), "0");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    server.get_as("other", "/api/v1/me").await.expect(200);
    server.get("/api/v1/things/1").await.expect(200);
    server.clock.advance(Duration::from_secs(wait));
    server.get("/api/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_route_has_policies_of_its_own() {
    let reply = server().post("/api/v1/things", &[], r#"{"name":"a"}"#).await.expect(201);
    assert!(reply.header("ratelimit-policy").ends_with(r#""things";q=1000;w=60"#));
}

#[tokio::test]
async fn an_identity_has_limits_of_its_own() {
    let server = server();
    for _ in 0..3 {
        server.get_as("slow", "/api/v1/things/1").await.expect(200);
    }
    server.get_as("slow", "/api/v1/things/1").await.expect(429);
    assert!(!server.get("/api/v1/things/1").await.headers.contains_key("ratelimit"), "unlimited says nothing");
}

#[tokio::test]
async fn sessions_are_limited_each_for_itself() {
    let server = server();
    for session in ["session-1", "session-2"] {
        for status in [200, 200, 429] {
            server.get_as(session, "/api/v1/things/1").await.expect(status);
        }
    }
}
