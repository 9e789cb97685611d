//! Rate and time, on a clock that the test owns.

use std::time::Duration;

use base::Clock;
use sandbox::{Behaviour, Fault};

use crate::client::Server;

#[tokio::test]
async fn over_the_rate_is_429_until_the_window_has_room() {
    let server = Server::behaving(Behaviour { calls_per_min: Some(3), ..Behaviour::default() }).await;
    for at_s in [0, 10, 20] {
        assert_eq!(server.users(1).await.status, 200, "at {at_s} s");
        server.clock.advance(Duration::from_secs(10));
    }
    let refused = server.users(1).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("30")));
    server.clock.advance(Duration::from_millis(29_999));
    assert_eq!(server.users(1).await.header("retry-after"), Some("1"));
    server.clock.advance(Duration::from_millis(1));
    assert_eq!(server.users(1).await.status, 200);
    assert_eq!(server.users(1).await.header("retry-after"), Some("10"));
    let stats = server.stats().await;
    assert_eq!((&stats["by_class"]["rate_limited"], &stats["by_class"]["object"]), (&3.into(), &4.into()));
    server.stop().await;
}

#[tokio::test]
async fn an_answer_takes_its_latency_and_some_jitter() {
    let behaviour = Behaviour { seed: 2, latency_ms: 200, jitter_ms: 300, ..Behaviour::default() };
    let server = Server::behaving(behaviour).await;
    let mut took = Vec::new();
    for _ in 0..8 {
        let asked = server.clock.now();
        assert_eq!(server.while_time_passes(server.users(1)).await.status, 200);
        let line = server.journal().await.pop().unwrap();
        let answered: jiff::Timestamp = line["at"].as_str().unwrap().parse().unwrap();
        took.push(answered.as_millisecond() - asked.as_millisecond());
    }
    assert!(took.iter().all(|ms| *ms >= 200), "{took:?}");
    assert!(took.iter().any(|ms| *ms >= 350), "no jitter in {took:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_slow_body_takes_its_time() {
    let faults = [(Fault::Slow, 1.0)].into();
    let server = Server::behaving(Behaviour { faults, slow_body_ms: 4_000, ..Behaviour::default() }).await;
    let start = server.clock.monotonic();
    let reply = server.while_time_passes(server.users(20)).await;
    assert!(server.clock.monotonic() - start >= Duration::from_millis(4_000));
    assert_eq!(reply.json().as_array().unwrap().len(), 20);
    server.stop().await;
}
