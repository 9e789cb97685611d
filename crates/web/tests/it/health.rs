//! Whether the server lives, is ready, and how its parts are.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use base::Error;
use base::clock::ManualClock;
use base::memory::{MemoryLimiter, MemoryStore};
use serde_json::{Map, Value};
use web::health::Check;
use web::{App, Config, Kit};

use crate::server::{Reply, Words, request, send, server};

struct Part {
    name: &'static str,
    well: Option<bool>,
}

#[async_trait]
impl Check for Part {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_optional(&self) -> bool {
        self.name == "cache"
    }

    async fn check(&self) -> base::Result<Map<String, Value>> {
        match self.well {
            Some(true) => Ok(Map::from_iter([("waiting".to_owned(), Value::from(3))])),
            Some(false) => Err(Error::unavailable("wires are cut")),
            None => std::future::pending().await,
        }
    }
}

fn app(clock: &ManualClock, parts: Vec<Part>) -> App {
    let time: Arc<ManualClock> = Arc::new(clock.clone());
    let kit = Kit {
        authenticate: Arc::new(Words),
        store: Arc::new(MemoryStore::new(time.clone())),
        limiter: Arc::new(MemoryLimiter::new(time.clone())),
        clock: time,
        config: Config { version: "1.2.3".to_owned(), ..Config::default() },
        cursor_key: base::Secret::new([7; 32]),
    };
    let builder = App::new(kit).metrics(|| "up 1\n".to_owned()).vitals(|| serde_json::json!({"memory_bytes": 1}));
    parts.into_iter().fold(builder, |builder, part| builder.check(Arc::new(part))).build()
}

fn clock() -> ManualClock {
    ManualClock::at("2026-11-22T10:00:00Z".parse().unwrap())
}

async fn get(app: &App, path: &str, key: Option<&str>) -> Reply {
    let call = key.into_iter().fold(request("GET", path), |call, key| call.header("x-api-key", key));
    send(app.router(), call.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_worst_part_decides() {
    let part = |name, well| Part { name, well: Some(well) };
    for (parts, status, health, ready) in [
        (vec![], 200, "healthy", 200),
        (vec![part("database", true), part("cache", true)], 200, "healthy", 200),
        (vec![part("database", true), part("cache", false)], 200, "degraded", 200),
        (vec![part("workers", false), part("cache", false)], 503, "unhealthy", 503),
    ] {
        let app = app(&clock(), parts);
        let reply = get(&app, "/health", None).await.expect(status);
        assert_eq!(reply.json()["status"], health);
        assert_eq!(reply.json()["version"], "1.2.3");
        assert_eq!(reply.json()["timestamp"], "2026-11-22T10:00:00Z");
        get(&app, "/readyz", None).await.expect(ready);
        get(&app, "/livez", None).await.expect(200);
    }
}

#[tokio::test]
async fn only_operators_read_why() {
    let parts = vec![Part { name: "database", well: Some(false) }, Part { name: "queue", well: Some(true) }];
    let app = app(&clock(), parts);
    for key in [None, Some("good")] {
        let reply = get(&app, "/health", key).await.expect(503);
        let text = String::from_utf8_lossy(&reply.body);
        assert!(!text.contains("wires") && !text.contains("waiting") && !text.contains("memory"), "{text}");
        assert_eq!(reply.json()["checks"]["database"]["status"], "unhealthy");
        assert_eq!(reply.json()["checks"]["queue"]["response_time_ms"], 0.0);
    }
    let told = get(&app, "/health", Some("ops")).await.expect(503).json();
    assert!(told["checks"]["database"]["error"].as_str().unwrap().contains("wires are cut"));
    assert_eq!((&told["checks"]["queue"]["waiting"], &told["vitals"]["memory_bytes"]), (&3.into(), &1.into()));
    get(&app, "/health", Some("bad")).await.expect(401);
    get(&app, "/metrics", Some("good")).await.expect(403);
    assert_eq!(get(&app, "/metrics", Some("ops")).await.expect(200).body, b"up 1\n");
}

#[tokio::test]
async fn the_operators_listener_tells_all_and_serves_nothing_else() {
    let app = app(&clock(), vec![Part { name: "database", well: Some(false) }]);
    let ops = async |path: &str| send(app.ops_router(), request("GET", path).body(Body::empty()).unwrap()).await;
    assert!(String::from_utf8(ops("/health").await.expect(503).body).unwrap().contains("wires are cut"));
    assert_eq!(ops("/metrics").await.expect(200).body, b"up 1\n");
    ops("/livez").await.expect(200);
    ops("/api/v1/me").await.expect(404);
}

#[tokio::test]
async fn a_part_that_does_not_answer_is_not_well() {
    let clock = clock();
    let app = app(&clock, vec![Part { name: "database", well: None }]);
    let call = {
        let app = app.clone();
        tokio::spawn(async move { get(&app, "/readyz", None).await })
    };
    tokio::task::yield_now().await;
    clock.advance(Duration::from_secs(2));
    call.await.unwrap().expect(503);
}

#[tokio::test]
async fn readiness_flips_first_at_a_stop() {
    let server = server();
    server.get("/readyz").await.expect(200);
    server.app.lifecycle().stop();
    server.get("/readyz").await.expect(503);
    server.get("/livez").await.expect(200);
    server.get("/api/v1/me").await.expect(200);
}
