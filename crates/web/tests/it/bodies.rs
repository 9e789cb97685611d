//! Bodies that strangers send.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::StreamExt;
use http::Request;

use crate::server::{Reply, Server, request, server};

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// A JSON thing of exactly this many bytes.
fn thing(bytes: usize) -> String {
    format!(r#"{{"name":"a"{}}}"#, " ".repeat(bytes - 12))
}

fn post(target: &str, media: &str) -> http::request::Builder {
    request("POST", target).header("x-api-key", "good").header("content-type", media)
}

async fn send(server: &Server, request: http::request::Builder, body: impl Into<Body>) -> Reply {
    server.send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn only_json_is_json() {
    let server = server();
    for (media, status) in [
        ("application/json", 201),
        ("Application/JSON; charset=utf-8", 201),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json; charset=latin1", 415),
        ("application/jsonp", 415),
        ("application/problem+json", 415),
        ("", 415),
    ] {
        let reply = send(&server, post("/api/v1/things", media), r#"{"name":"a"}"#).await;
        assert_eq!(reply.status, status, "{media:?}");
    }
    let none = request("POST", "/api/v1/things").header("x-api-key", "good");
    send(&server, none, r#"{"name":"a"}"#).await.expect(415);
}

#[tokio::test]
async fn what_is_not_valid_says_where() {
    let server = server();
    for (body, status, field) in [
        ("{", 400, None),
        (r#"{"name":"a","name":"b"}"#, 400, Some("name")),
        ("\"\u{fffd}", 400, None),
        (r#"{"name":1}"#, 422, Some("name")),
    ] {
        let reply = server.post("/api/v1/things", &[], body).await.expect(status);
        if let Some(field) = field {
            assert_eq!(reply.fields(), [field], "{body}");
        }
    }
}

#[tokio::test]
async fn a_body_is_bounded_to_the_byte() {
    let server = server();
    let max = 2 << 20;
    for (bytes, status) in [(max - 1, 201), (max, 201), (max + 1, 413)] {
        // Written as a stream, so that no length is declared.
        let body = Body::from_stream(futures::stream::iter([Ok::<_, std::io::Error>(thing(bytes))]));
        send(&server, post("/api/v1/things", "application/json"), body).await.expect(status);
    }
    let declared = post("/api/v1/things", "application/json").header("content-length", (max + 1).to_string());
    send(&server, declared, "never read").await.expect(413);
}

#[tokio::test]
async fn gzip_is_counted_as_it_comes_out() {
    let server = server();
    let gz = || post("/api/v1/things", "application/json").header("content-encoding", "gzip");
    send(&server, gz(), gzip(br#"{"name":"a"}"#)).await.expect(201);
    // Regular text under the floor is not held against its ratio.
    send(&server, gz(), gzip(thing(60 << 10).as_bytes())).await.expect(201);
    let bomb = gzip(&vec![b' '; 200 << 20]);
    assert!(bomb.len() < 256 << 10, "small on the wire: {}", bomb.len());
    let reply = send(&server, gz(), bomb).await.expect(413);
    assert_eq!(reply.json()["error"], "too_large");
    // Under the size but over the ratio.
    send(&server, gz(), gzip(thing(1 << 20).as_bytes())).await.expect(413);
    send(&server, gz(), "no gzip").await.expect(400);
    let whole = gzip(br#"{"name":"a"}"#);
    send(&server, gz(), whole[..whole.len() - 4].to_vec()).await.expect(400);
    let other = post("/api/v1/things", "application/json").header("content-encoding", "br");
    send(&server, other, "x").await.expect(415);
}

#[tokio::test]
async fn a_stream_is_counted_and_inflated() {
    let server = server();
    let import = || post("/api/v1/things/import", "text/csv");
    let reply = send(&server, import(), vec![b'x'; 1 << 20]).await.expect(200);
    assert_eq!(reply.json()["name"], (1 << 20).to_string());
    let reply = send(&server, import().header("content-encoding", "gzip"), gzip(b"abc")).await.expect(200);
    assert_eq!(reply.json()["name"], "3");
    let chunks = futures::stream::iter((0..17).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![0; 64 << 10]))));
    send(&server, import(), Body::from_stream(chunks)).await.expect(413);
}

/// A body that says something at first, and then nothing more.
fn stalling(server: &Server) -> Body {
    let begun = Arc::clone(&server.begun);
    let first = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{"))]);
    Body::from_stream(first.chain(futures::stream::poll_fn(move |_| {
        begun.notify_one();
        std::task::Poll::Pending
    })))
}

async fn times_out(target: &str, after: Duration) -> Reply {
    let server = Arc::new(server());
    let request: Request<Body> = post(target, "application/json").body(stalling(&server)).unwrap();
    let call = {
        let server = Arc::clone(&server);
        tokio::spawn(async move { server.send(request).await })
    };
    server.begun.notified().await;
    tokio::task::yield_now().await;
    server.clock.advance(after - Duration::from_secs(1));
    tokio::task::yield_now().await;
    assert!(!call.is_finished());
    server.clock.advance(Duration::from_secs(1));
    call.await.unwrap()
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    times_out("/api/v1/things", Duration::from_secs(30)).await.expect(408);
    let still = times_out("/api/v1/things/import", Duration::from_secs(30)).await.expect(504);
    assert_eq!(still.json()["detail"], "The body stood still for too long");
}
