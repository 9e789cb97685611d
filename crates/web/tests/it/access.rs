//! Who may call.

use axum::body::Body;
use tower::ServiceExt;
use web::CallerArn;

use crate::server::{METER, from, request, server};

#[tokio::test]
async fn a_route_takes_only_callers_with_its_scope() {
    let server = server();
    server.get_as("good", "/api/v1/things/1").await.expect(200);
    let anonymous = server.send(request("GET", "/api/v1/things/1").body(Body::empty()).unwrap()).await.expect(401);
    assert_eq!(anonymous.json()["detail"], "API key required");
    assert_eq!(anonymous.header("www-authenticate"), "Bearer");
    server.get_as("bad", "/api/v1/things/1").await.expect(401);
    let refused = request("POST", "/api/v1/things").header("x-api-key", "reader").body(Body::empty()).unwrap();
    let refused = server.send(refused).await.expect(403);
    assert_eq!(refused.json()["detail"], "This needs the scope ingest:run");
    assert_eq!(server.runs(), 0);
}

#[tokio::test]
async fn keys_that_cannot_be_looked_up_are_not_taken() {
    server().get_as("broken", "/api/v1/things/1").await.expect(503);
}

#[tokio::test]
async fn who_is_known_from_memory_may_read_what_is_kept() {
    let server = server();
    server.get_as("remembered", "/api/v1/kept").await.expect(200);
    for path in ["/api/v1/things/1", "/api/v1/me"] {
        let refused = server.get_as("remembered", path).await.expect(503);
        assert_ne!(refused.header("retry-after"), "");
    }
    let write = request("POST", "/api/v1/things").header("x-api-key", "remembered").body(Body::empty()).unwrap();
    server.send(write).await.expect(503);
    assert_eq!(server.runs(), 0);
}

#[tokio::test]
async fn a_credential_comes_in_either_header_or_twice_the_same() {
    let server = server();
    let me = async |headers: &[(&str, &str)]| {
        let request = headers.iter().fold(request("GET", "/api/v1/me"), |r, (name, value)| r.header(*name, *value));
        server.send(request.body(Body::empty()).unwrap()).await
    };
    for headers in [
        &[("x-api-key", "good")][..],
        &[("authorization", "Bearer good")],
        &[("authorization", "bearer good")],
        &[("authorization", "good")],
        &[("authorization", "Bearer good"), ("x-api-key", "good")],
    ] {
        assert_eq!(me(headers).await.expect(200).json()["name"], "one key:good 127.0.0.1", "{headers:?}");
    }
    me(&[("x-api-key", "good"), ("authorization", "Bearer other")]).await.expect(400);
    me(&[("x-api-key", "good"), ("x-api-key", "good")]).await.expect(400);
    me(&[("authorization", "Basic Z29vZDpnb29k")]).await.expect(401);
    assert_eq!(
        me(&[("x-api-key", "ops"), ("freight-tenant", "two")]).await.expect(200).json()["name"],
        "two key:ops 127.0.0.1"
    );
}

#[tokio::test]
async fn a_credential_in_the_query_is_refused_before_it_is_looked_at() {
    let server = server();
    for name in ["api_key", "key", "token", "access_token", "API_KEY", "apikey", "password"] {
        let reply = server.get(&format!("/api/v1/me?{name}=good")).await.expect(400);
        assert!(!String::from_utf8_lossy(&reply.body).contains("good"), "{name}");
    }
}

#[tokio::test]
async fn failed_authentications_are_limited_by_source_and_valid_callers_are_not() {
    let server = server();
    let call = async |key: &str, address: &str| {
        let call = request("GET", "/api/v1/things/1").header("x-api-key", key).body(Body::empty()).unwrap();
        server.send(from(address, call)).await
    };
    for _ in 0..20 {
        call("bad", "203.0.113.1").await.expect(401);
    }
    let limited = call("bad", "203.0.113.1").await.expect(429);
    assert!(limited.header("retry-after").parse::<u64>().unwrap() <= 61);
    call("good", "203.0.113.1").await.expect(200);
    call("bad", "203.0.113.2").await.expect(401);
    for n in 0..20 {
        call("bad", &format!("2001:db8::{n:x}")).await.expect(401);
    }
    call("bad", "2001:db8::ffff").await.expect(429);
    server.clock.advance(std::time::Duration::from_secs(62));
    call("bad", "203.0.113.1").await.expect(401);
}

#[tokio::test]
async fn a_request_without_a_peer_is_not_from_here() {
    let call = request("GET", "/api/v1/me").header("x-api-key", "good").body(Body::empty()).unwrap();
    let response = server().app.router().oneshot(call).await.unwrap();
    let body = axum::body::to_bytes(response.into_body(), 1_000).await.unwrap();
    assert_eq!(body, r#"{"name":"one key:good 0.0.0.0"}"#);
}

/// Whoever AWS says has signed the request needs no key; nobody can say so of themselves.
#[tokio::test]
async fn a_principal_of_aws_needs_no_key() {
    let server = server();
    let signature = "AWS4-HMAC-SHA256 Credential=A/20260101/eu-west-2/execute-api/aws4_request, Signature=0";
    let ask = async |arn: Option<&str>, headers: &[(&str, &str)]| {
        let mut request = request("GET", "/api/v1/me");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(arn) = arn {
            request = request.extension(CallerArn(arn.to_owned()));
        }
        server.send(request.body(Body::empty()).unwrap()).await
    };
    for headers in [&[][..], &[("authorization", signature)]] {
        let me = ask(Some(METER), headers).await.expect(200).json();
        assert!(me["name"].as_str().unwrap().starts_with("one iam:meter"), "{me}");
        ask(Some("arn:aws:iam::123456789012:user/other"), headers).await.expect(401);
        ask(None, headers).await.expect(401);
    }
    // A key says more than a signature.
    let me = ask(Some(METER), &[("authorization", signature), ("x-api-key", "good")]).await.expect(200).json();
    assert!(me["name"].as_str().unwrap().starts_with("one key:good"), "{me}");
}
