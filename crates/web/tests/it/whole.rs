//! Answers that have to be whole, by a deadline, and no larger than they may be.

use std::time::Duration;

use axum::body::Body;
use base::{Clock, Error, ErrorKind};
use web::{Unreadable, Whole};

use crate::server::{Reply, Server, request, server};

const SOON: Duration = Duration::from_secs(10);

/// Asks, and moves the clock on until there is an answer.
async fn ask(server: &Server, method: &str, target: &str, bytes_max: usize) -> Reply {
    let whole = Whole { bytes_max, until: server.clock.monotonic() + SOON };
    let request = request(method, target).header("x-api-key", "good").extension(whole);
    let reply = server.send(request.body(Body::empty()).unwrap());
    tokio::pin!(reply);
    for _ in 0..1_000 {
        tokio::select! {
            biased;
            reply = &mut reply => return reply,
            () = tokio::task::yield_now() => server.clock.advance(Duration::from_millis(100)),
        }
    }
    panic!("no answer");
}

#[tokio::test]
async fn an_answer_that_fits_is_as_it_was() {
    let server = server();
    let (whole, plain) = (ask(&server, "GET", "/api/v1/me", 1 << 20).await, server.get("/api/v1/me").await);
    assert_eq!((whole.status, whole.body), (plain.status, plain.body));
}

#[tokio::test]
async fn one_byte_too_many_is_a_problem_in_its_place() {
    let server = server();
    let size = server.get("/api/v1/me").await.body.len();
    ask(&server, "GET", "/api/v1/me", size).await.expect(200);
    let problem = ask(&server, "GET", "/api/v1/me", size - 1).await.expect(501);
    assert_eq!(problem.json()["error"], "too_large");
    assert_eq!(problem.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn what_is_late_is_a_problem_and_a_stream_of_events_is_cut() {
    let server = server();
    let begun = server.clock.monotonic();
    let late = ask(&server, "POST", "/api/v1/hang", 1 << 20).await.expect(504);
    assert_eq!(late.json()["status"], 504);
    let took = server.clock.monotonic() - begun;
    assert!(took >= SOON && took < SOON * 2, "{took:?}");
    let events = ask(&server, "GET", "/api/v1/things/events", 1 << 20).await.expect(200);
    assert!(String::from_utf8(events.body).unwrap().contains("after nothing"));
}

#[tokio::test]
async fn nobody_waits_for_longer_than_there_is_time_to_answer() {
    let server = server();
    let whole = Whole { bytes_max: 1 << 20, until: server.clock.monotonic() + Duration::from_secs(4) };
    let hang = |wait| request("POST", "/api/v1/hang").header("x-api-key", "good").header("prefer", wait);
    let waited = server.send(hang("wait=30").extension(whole).body(Body::empty()).unwrap()).await.expect(200);
    assert_eq!(waited.header("preference-applied"), "wait=3", "one second is for the answer");
    let short = server.send(hang("wait=2").extension(whole).body(Body::empty()).unwrap()).await.expect(200);
    assert_eq!(short.header("preference-applied"), "wait=2");
}

#[tokio::test]
async fn what_is_no_request_is_a_problem_too() {
    let server = server();
    let unreadable = Unreadable(Error::new(ErrorKind::Malformed, "No request: the method"));
    let stand_in = request("GET", "/api/v1/me").extension(unreadable).body(Body::empty()).unwrap();
    let problem = server.send(stand_in).await.expect(400);
    assert_eq!(problem.header("content-type"), "application/problem+json");
    assert_eq!(problem.json()["detail"], "No request: the method");
}
