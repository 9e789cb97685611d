//! A POST that may be sent again.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use base::intercept::{Intercept, Intercepted};
use base::store::{Query, StoreError, Table, Version, Write};
use base::{Store, StoreExt};

use crate::server::{Reply, Server, request, server, server_over};

const KEY: (&str, &str) = ("idempotency-key", "k-1");

async fn create(server: &Server, name: &str) -> Reply {
    server.post("/api/v1/things", &[KEY], &format!(r#"{{"name":"{name}"}}"#)).await
}

async fn effects(server: &Server) -> usize {
    server.store.query_all(Query::new(Table("things"), "one")).await.unwrap().len()
}

#[tokio::test]
async fn a_repeat_gets_the_same_answer_and_has_no_effect() {
    let server = server();
    let first = create(&server, "a").await.expect(201);
    server.clock.advance(Duration::from_secs(3_600));
    let again = create(&server, "a").await.expect(201);
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!((first.header("idempotent-replayed"), again.header("idempotent-replayed")), ("", "true"));
    assert_eq!((server.runs(), effects(&server).await), (1, 1));
}

/// Nobody hears whether a key was reserved.
struct Unheard;

#[async_trait]
impl Intercept for Unheard {
    async fn write(&self, inner: &Arc<dyn Store>, writes: Vec<Write>) -> Result<Version, StoreError> {
        let reserves = writes.iter().all(|write| write.key.table == Table("idempotency"));
        let done = inner.write(writes).await;
        if reserves { Err(StoreError::Unknown("the answer was lost".to_owned())) } else { done }
    }
}

#[tokio::test]
async fn a_reservation_whose_answer_was_lost_is_known_by_its_token() {
    let server = server_over(web::Config::default(), |store| Arc::new(Intercepted::new(store, Unheard)));
    let first = create(&server, "a").await.expect(201);
    let again = create(&server, "a").await.expect(201);
    assert_eq!((again.body, again.headers.get("idempotent-replayed").is_some()), (first.body, true));
    assert_eq!((server.runs(), effects(&server).await), (1, 1));
    server.post("/api/v1/things", &[KEY], r#"{"name":"b"}"#).await.expect(422);
}

#[tokio::test]
async fn a_refusal_is_repeated_too() {
    let server = server();
    server.post("/api/v1/things", &[KEY], "{").await.expect(400);
    let again = server.post("/api/v1/things", &[KEY], "{").await.expect(400);
    assert_eq!(again.header("idempotent-replayed"), "true");
}

#[tokio::test]
async fn the_same_key_for_another_request_is_refused() {
    let server = server();
    create(&server, "a").await.expect(201);
    assert_eq!(create(&server, "b").await.expect(422).fields(), ["Idempotency-Key"]);
    server.post("/api/v1/secrets", &[KEY], "").await.expect(422);
    assert_eq!(server.runs(), 1);
}

#[tokio::test]
async fn keys_belong_to_their_caller_and_end_after_a_day() {
    let server = server();
    create(&server, "a").await.expect(201);
    for key in ["colleague", "other"] {
        let call = request("POST", "/api/v1/things").header("x-api-key", key).header(KEY.0, KEY.1);
        let call = call.header("content-type", "application/json").body(Body::from(r#"{"name":"b"}"#)).unwrap();
        server.send(call).await.expect(201);
    }
    server.clock.advance(Duration::from_secs(24 * 3_600));
    create(&server, "b").await.expect(201);
    assert_eq!(server.runs(), 4);
}

#[tokio::test]
async fn while_it_runs_a_repeat_is_told_to_wait_and_takes_over_when_it_died() {
    let server = Arc::new(server());
    let spawn = || {
        let server = Arc::clone(&server);
        tokio::spawn(async move { server.post("/api/v1/hang", &[KEY], "").await })
    };
    let first = spawn();
    server.begun.notified().await;
    let busy = server.post("/api/v1/hang", &[KEY], "").await.expect(409);
    assert_eq!(busy.header("retry-after"), "62");
    // The process dies: nobody extends the lease, nobody hands it back.
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    server.clock.advance(Duration::from_secs(61));
    server.post("/api/v1/hang", &[KEY], "").await.expect(409);
    server.clock.advance(Duration::from_secs(1));
    let second = spawn();
    server.begun.notified().await;
    assert!(!second.is_finished(), "the handler runs again");
}

#[tokio::test]
async fn a_takeover_rewrites_the_same_items() {
    let server = server();
    // Fails after the reservation was made; the repeat runs with the same seed and clock reading.
    create(&server, "busy").await.expect(503);
    server.clock.advance(Duration::from_secs(5));
    create(&server, "busy").await.expect(503);
    assert_eq!(server.runs(), 2);
    let large = async || server.post("/api/v1/large", &[("idempotency-key", "k-2")], "").await.expect(200);
    let (first, second) = (large().await, large().await);
    assert_eq!(first.body, second.body, "ids derive from the reservation");
    assert_eq!(server.runs(), 4, "an answer over 256 KB is computed again");
    assert!(first.body.len() > 300 << 10);
}

#[tokio::test]
async fn the_effect_and_the_record_can_be_one_write() {
    let server = server();
    let post = async || server.post("/api/v1/recorded", &[KEY], r#"{"name":"a"}"#).await;
    post().await.expect(500);
    let again = post().await.expect(201);
    assert_eq!((again.header("idempotent-replayed"), again.header("location")), ("true", "/api/v1/recorded/1"));
    assert_eq!(again.json()["name"], "a");
    assert_eq!((server.runs(), effects(&server).await), (1, 1));
}

#[tokio::test]
async fn secrets_are_not_kept() {
    let server = server();
    let first = server.post("/api/v1/secrets", &[KEY], "").await.expect(201);
    assert_eq!(first.json()["name"], "secret-0");
    let again = server.post("/api/v1/secrets", &[KEY], "").await.expect(201);
    assert!(again.body.is_empty());
    assert_eq!(server.runs(), 1);
    for token in ["token-1", "token-2"] {
        let reply = server.post("/v1/auth/signin", &[("idempotency-key", "s")], r#"{"name":"a"}"#).await.expect(200);
        assert_eq!(reply.json()["name"], token);
    }
    for (table, partition) in web::idempotency::partitions(&"one".parse().unwrap()) {
        for item in server.store.query_all(Query::new(table, partition)).await.unwrap() {
            assert!(!format!("{item:?}").contains("secret-0"));
        }
    }
}

#[tokio::test]
async fn a_key_is_one_to_255_characters() {
    let server = server();
    for (length, status) in [(0, 422), (1, 201), (255, 201), (256, 422)] {
        let key = "k".repeat(length);
        server.post("/api/v1/things", &[("idempotency-key", &key)], r#"{"name":"a"}"#).await.expect(status);
    }
}

#[tokio::test]
async fn of_many_at_once_one_has_an_effect() {
    let server = Arc::new(server());
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let server = Arc::clone(&server);
            tokio::spawn(async move { create(&server, "a").await.status.as_u16() })
        })
        .collect();
    let mut statuses = Vec::new();
    for call in calls {
        statuses.push(call.await.unwrap());
    }
    assert!(statuses.iter().all(|status| [201, 409].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&201));
    assert_eq!((server.runs(), effects(&server).await), (1, 1));
}
