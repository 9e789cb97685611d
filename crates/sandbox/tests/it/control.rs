//! The endpoints under `/_sandbox/`, and what the sandbox refuses at start.

use std::sync::Arc;

use base::clock::SystemClock;
use sandbox::{Behaviour, Config, Error, Fault, Sandbox};
use serde_json::json;
use tokio::net::TcpListener;

use crate::client::Server;

#[tokio::test]
async fn behaviour_changes_from_the_next_call_on() {
    let server = Server::seeded(5).await;
    let first = server.users(9).await.body;
    let changed = server.put_config(&json!({ "seed": 5, "faults": { "status_503": 1 } })).await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.json(), server.get("/_sandbox/config").await.json());
    assert_eq!(changed.json()["slow_body_ms"], 2_000, "what is left out has its default");
    assert_eq!(server.users(9).await.status, 503);
    server.put_config(&json!({ "seed": 5 })).await;
    let third = server.users(9).await;
    assert_eq!(third.status, 200);
    assert_ne!(third.body, first, "the numbering goes on");
    server.stop().await;
}

#[tokio::test]
async fn behaviour_out_of_range_is_refused_and_changes_nothing() {
    let server = Server::seeded(5).await;
    let before = server.get("/_sandbox/config").await.json();
    for (behaviour, named) in [
        (json!({ "latency_ms": 600_001 }), "latency_ms"),
        (json!({ "calls_per_min": 0 }), "calls_per_min"),
        (json!({ "faults": { "reset": 1.1 } }), "faults.reset"),
        (json!({ "faults": { "reset": 0.6, "html": 0.6 } }), "faults"),
        (json!({ "faults": { "earthquake": 1 } }), "earthquake"),
        (json!({ "lateness_ms": 1 }), "lateness_ms"),
    ] {
        let reply = server.put_config(&behaviour).await;
        assert_eq!(reply.status, 422, "{behaviour}");
        assert!(reply.text().contains(named), "{behaviour}: {}", reply.text());
    }
    assert_eq!(server.get("/_sandbox/config").await.json(), before);
    server.stop().await;
}

#[tokio::test]
async fn a_reset_makes_it_as_it_was_at_the_start() {
    let server = Server::behaving(Behaviour { seed: 5, calls_per_min: Some(1), ..Behaviour::default() }).await;
    let first = server.users(9).await.body;
    assert_eq!(server.users(9).await.status, 429);
    server.put_config(&json!({ "seed": 6, "faults": { "html": 1 } })).await;
    server.users(9).await;
    assert_eq!(server.stats().await["calls"], 3);

    assert_eq!(server.reset().await.status, 204);
    let empty = json!({ "calls": 0, "answered": 0, "records": 0, "malformed": 0, "by_class": {} });
    assert_eq!(server.stats().await, empty);
    assert!(server.journal().await.is_empty());
    assert_eq!(server.users(9).await.body, first);
    assert_eq!(server.users(9).await.status, 429);
    server.stop().await;
}

#[tokio::test]
async fn it_listens_on_loopback_only() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let refused = sandbox::serve(listener, Config::default(), std::future::ready(())).await;
    assert!(matches!(refused, Err(Error::NotLoopback(address)) if address.ip().is_unspecified()));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    sandbox::serve(listener, Config::default(), std::future::ready(())).await.unwrap();
}

#[test]
fn it_does_not_start_with_settings_out_of_range() {
    let open = |config| Sandbox::open(config, Arc::new(SystemClock::new())).map(drop);
    assert!(open(Config::default()).is_ok());
    assert!(matches!(open(Config { journal_lines_max: 0, ..Config::default() }), Err(Error::Invalid { .. })));
    let faults = [(Fault::Cut, -0.1)].into();
    let behaviour = Behaviour { faults, ..Behaviour::default() };
    let refused = open(Config { behaviour, ..Config::default() }).unwrap_err();
    assert_eq!(refused.to_string(), "faults.cut: must be 0 to 1");
    let nowhere = Config { journal: Some("/nonexistent/journal".into()), ..Config::default() };
    assert!(matches!(open(nowhere), Err(Error::Journal { .. })));
}
