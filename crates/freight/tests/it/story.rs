//! One story on a SQLite file and in the cloud gives equal answers.
//!
//! The story goes through every service as a user would; each answer is noted with its status and its
//! headers, and the two transcripts must be the same, request by request.

mod transcript;

use std::sync::Arc;

use accounts::contract::Mailbox;
use freight::compose::Settings;
use freight::ground::Ground;
use http::Method;
use serde_json::{Value, json};
use testkit::aws::Odds;
use transcript::Transcript;

use crate::server::{Server, stand_in};
use crate::{deploy, on_cloud, on_file};

/// What the template allows the program although nothing in the story asks for it.
const UNASKED: [&str; 2] = [
    // `freight tables check`.
    "dynamodb:DescribeTimeToLive",
    // Lambda, where it polls the queues in the name of the function.
    "sqs:GetQueueAttributes",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn equal_answers_on_a_file_and_in_the_cloud() {
    let (on_file, _directory) = told(on_file::ground().await).await;
    let (in_the_cloud, cloud) = told(on_cloud::ground(51, Odds::BAD_DAY).await).await;
    let fired = cloud.shim.fired();
    assert!(fired.throttled > 0 && fired.conflicts > 0 && fired.lost > 0, "{fired:?}");
    assert!(on_file.len() > 60, "{} answers", on_file.len());
    let pairs = on_file.iter().zip(&in_the_cloud);
    let other: Vec<String> =
        pairs.filter(|(file, cloud)| file != cloud).map(|(file, cloud)| format!("{file}\n{cloud}\n")).collect();
    assert!(other.is_empty(), "each on a file, then in the cloud:\n{}", other.join("\n"));
    assert_eq!(on_file.len(), in_the_cloud.len());
    let redacted = serde_json::to_string(&on_file).unwrap();
    for word in ["<id 1>", "<instant>", "<measured>", "<secret>", "<sandbox>"] {
        assert!(redacted.contains(word), "the story has no {word}");
    }
    for told in ["<kept>", "\"www-authenticate\":\"Bearer\"", "sign-in-minute"] {
        assert!(redacted.contains(told), "the story has no {told}");
    }
    let (asked, allowed) = (cloud.shim.actions(), deploy::allowed("DataPolicy"));
    assert_eq!(asked.difference(&allowed).next(), None, "the template does not allow it");
    assert!(allowed.difference(&asked).eq(&UNASKED), "allowed {allowed:?}, and asked for {asked:?}");
}

/// Tells the story to a server of its own, whose stand-in answers the same each time.
async fn told<T>(ground: (Ground, T)) -> (Vec<Value>, T) {
    let sandbox = stand_in().await;
    let mailbox = Mailbox::default();
    let settings = Settings { sandbox: Some(sandbox), post: Some(Arc::new(mailbox.clone())), ..Settings::default() };
    let server = Server::start(ground, settings).await;
    let mut story = Transcript::new(server.admin.clone(), sandbox);
    accounts(&mut story).await;
    datasets(&mut story).await;
    fetches(&mut story).await;
    measurements(&mut story).await;
    selections(&mut story).await;
    operations(&mut story).await;
    combinations(&mut story).await;
    charts(&mut story).await;
    people(&mut story, &mailbox).await;
    (story.entries, server.stop().await)
}

async fn accounts(story: &mut Transcript) {
    story.get("/api/v1/me").await;
    let made = story.post("/api/v1/keys", json!({ "name": "reader", "scopes": ["ingest:read"] })).await;
    let reader = made["key"].as_str().unwrap().to_owned();
    story.get("/api/v1/keys").await;
    story.post("/api/v1/keys", json!({ "name": "", "scopes": ["all:of:them"] })).await;
    story.post("/api/v1/tenants", json!({ "name": "Acme", "slug": "acme" })).await;
    story.post("/api/v1/tenants", json!({ "name": "Acme again", "slug": "acme" })).await;
    story.get("/api/v1/tenants").await;
    story.get("/api/v1/tenants/acme").await;
    let admin = story.told_by(story.client().with_key(&reader));
    story.get("/api/v1/tenants").await;
    story.get("/api/v1/datasets").await;
    story.told_by(admin);
}

async fn datasets(story: &mut Transcript) {
    let cities = "/api/v1/datasets/cities";
    story.get(cities).await;
    story.post("/api/v1/datasets", json!({ "name": "cities", "key": "id", "sort": ["country", "name"] })).await;
    story.post("/api/v1/datasets", json!({ "name": "cities", "key": "id" })).await;
    story
        .post("/api/v1/datasets", json!({ "name": "orders", "key": "id", "source": { "url": "dynamodb:///orders" } }))
        .await;
    let rows = "{\"id\":1,\"country\":\"PT\",\"name\":\"Évora\",\"n\":1.10}\n\
                {\"id\":2,\"country\":\"DE\",\"name\":\"Köln\",\"n\":12345678901234567890123456789}\n\
                {\"id\":3}\n\
                {\"id\":4,\"country\":\"PT\",\"name\":\"Beja\"}\n";
    story.send_text(&format!("{cities}/import"), "application/x-ndjson", rows).await;
    let moved = "{\"id\":1,\"country\":\"ES\",\"name\":\"Évora\",\"n\":1.10}";
    story.send_text(&format!("{cities}/import"), "application/x-ndjson", moved).await;
    let table = "id,country,name\n5,FR,Metz\n6,FR,NA\n";
    story.send_text(&format!("{cities}/import"), "text/csv", table).await;
    story.get(cities).await;
    let page = story.get(&format!("{cities}/records?limit=2")).await;
    let cursor = page["next"].as_str().unwrap();
    story.get(&format!("{cities}/records?limit=2&cursor={cursor}")).await;
    story.get(&format!("{cities}/records?prefix=P")).await;
    story.get(&format!("{cities}/records/2")).await;
    story.get(&format!("{cities}/records/9")).await;
    story.get(&format!("{cities}/export?format=csv")).await;
    story.get(&format!("{cities}/export?format=ndjson")).await;
    story.send(Method::PATCH, cities, Some(json!({ "redact": ["n"] }))).await;
    story.send(Method::PATCH, cities, Some(json!({ "redact": ["id"] }))).await;
    let removal = story.send(Method::DELETE, cities, None).await;
    ended(story, &removal).await;
    story.get(cities).await;
    story.get("/api/v1/datasets").await;
}

/// Waits for a job to end, and reads it.
async fn ended(story: &mut Transcript, job: &Value) -> String {
    let path = job["links"]["self"].as_str().unwrap().to_owned();
    story.client().get(&format!("{path}/events")).await.expect(200);
    story.get(&path).await;
    path
}

async fn fetches(story: &mut Transcript) {
    story.get("/status").await;
    for size in [1, 5, 101, 3] {
        let job = story.post("/fetch-data", json!({ "calls": 1, "size": size })).await;
        ended(story, &job).await;
        story.get("/status").await;
    }
    story.get("/view-data").await;
    story.get("/view-data?limit=3").await;
    story.get("/view-data?format=ndjson").await;
    story.post("/fetch-data", json!({ "calls": 0 })).await;
}

async fn measurements(story: &mut Transcript) {
    let rows: Vec<Value> = (0..40)
        .map(|n| json!({ "name": "march", "ts": 1_774_742_400 + n * 1_800, "data": { "t": n, "u": { "v": -n } } }))
        .collect();
    // Where a record stands is drawn: of each answer the count is the story's.
    let written = story.client().post("/source/write_batch", &json!({ "records": rows })).await.expect(207).json();
    assert_eq!(written["saved"], 40);
    story.post("/source/write_batch", json!({ "records": [] })).await;
    story.get("/source/series").await;
    story.get("/source/series/march").await;
    story.get("/source/series/nobody").await;
    let day = "from=2026-03-29T00:00:00Z&to=2026-03-29T23:00:00Z";
    story.get(&format!("/source/series/march/window?{day}")).await;
    story.get(&format!("/source/series/march/window?{day}&step=5h&stats=n,mean,max")).await;
    story.get(&format!("/source/series/march/window?{day}&step=1w1")).await;
}

async fn selections(story: &mut Transcript) {
    story.get("/resources/carts/").await;
    story.get("/resources/carts/default").await;
    story.post("/resources/carts/", json!({ "cart_name": "some" })).await;
    story.post("/resources/carts/", json!({ "cart_name": "some" })).await;
    let items: Vec<Value> = (0..30).map(|n| json!({ "entity_type": "thing", "entity_id": n.to_string() })).collect();
    story.post("/resources/carts/default/items/", json!(items)).await;
    story.post("/resources/carts/default/items/", items[7].clone()).await;
    story.post("/api/v1/datasets", json!({ "name": "streets", "key": "id" })).await;
    let rows: String = (0..50).map(|n| format!("{{\"id\":{n},\"width\":{}}}\n", n % 10)).collect();
    story.send_text("/api/v1/datasets/streets/import", "application/x-ndjson", &rows).await;
    for filters in [json!({ "width": { "within": [[2, 3]] } }), json!({ "width": { "is": 2 } }), json!({})] {
        let path = "/resources/carts/default/items/query";
        story.post(path, json!({ "entity_type": "streets", "filters": filters, "dry_run": true })).await;
    }
    let query = json!({ "entity_type": "streets", "filters": { "width": { "within": [[2, 3]] } } });
    let job = story.post("/resources/carts/default/items/query", query).await;
    selected(story, &job).await;
    let page = story.get("/resources/carts/default?limit=7").await;
    let gone = format!("/resources/carts/default/items/{}", page["items"][3]["id"].as_str().unwrap());
    story.send(Method::DELETE, &gone, None).await;
    story.send(Method::DELETE, &gone, None).await;
    story.get("/resources/carts/default/summary").await;
    for format in ["ndjson", "csv"] {
        story.get(&format!("/resources/carts/default/manifest?format={format}")).await;
    }
}

/// Waits for the end of a job that fills a cart, and reads it.
async fn selected(story: &mut Transcript, job: &Value) {
    let path = job["links"]["self"].as_str().unwrap();
    story.client().with_header("prefer", "wait=30").get(path).await.expect(200);
    story.get(path).await;
}

/// Of sixteen parts, which end in any order: no list of what the engine did is told after this.
async fn combinations(story: &mut Transcript) {
    let carts = story.get("/resources/carts/").await;
    let named = carts.as_array().unwrap().iter().find(|cart| cart["cart_name"] == "some").unwrap().clone();
    let at = named["links"]["self"].as_str().unwrap();
    for op in ["union", "subtract", "nothing"] {
        let job = story.post(&format!("{at}/combine"), json!({ "with": "default", "op": op })).await;
        if op != "nothing" {
            selected(story, &job).await;
        }
        story.get(&format!("{at}/summary")).await;
    }
    story.send(Method::PUT, at, Some(json!({ "cart_name": "other" }))).await;
    story.send(Method::DELETE, at, None).await;
    story.send(Method::DELETE, at, None).await;
    story.get(at).await;
}

/// Of each chart it is told how it came: its figures move with the time.
async fn charts(story: &mut Transcript) {
    let chart = "/v1/chart/ethereum/0x0000000000000000000000000000000000001111";
    let first = story.get(&format!("{chart}?frequency=1w")).await;
    assert_eq!(story.get(&format!("{chart}?frequency=1w")).await, first);
    story.get(&format!("{chart}?frequency=2w")).await;
    let kept = story.client().with_header("cache-control", "only-if-cached");
    let admin = story.told_by(kept);
    assert_eq!(story.get(&format!("{chart}?frequency=1w")).await, first);
    story.get(&format!("{chart}?frequency=all")).await;
    story.told_by(admin.without_header("x-api-key"));
    story.get(&format!("{chart}?frequency=1w")).await;
    story.told_by(admin);
    story.get("/v1/chart/ethereum/0x12").await;
    story.get("/v1/chart/base/0x0000000000000000000000000000000000090000").await;
    story.get("/v1/chart/solana/0x0000000000000000000000000000000000001111").await;
}

/// Somebody signs up, in, on and out.
async fn people(story: &mut Transcript, mailbox: &Mailbox) {
    let nobody = story.client().without_header("x-api-key");
    story.told_by(nobody.clone());
    story.get("/api/v1/me").await;
    story.get("/v1/auth/valid").await;
    let email = "jane@example.com";
    let credentials = json!({ "email": email, "password": "correct horse battery" });
    story.post("/v1/auth/signup", json!({ "email": email, "password": "short" })).await;
    story.post("/v1/auth/signup", credentials.clone()).await;
    story.post("/v1/auth/signin", credentials.clone()).await;
    let code = json!({ "email": email, "code": mailbox.code(email, 1).await });
    for _ in 0..2 {
        story.post("/v1/auth/confirm", code.clone()).await;
    }
    story.post("/v1/auth/resend", json!({ "email": "nobody@example.com" })).await;
    let held = story.post("/v1/auth/signin", credentials).await;
    let shown = json!({ "refresh_token": held["refresh_token"] });
    let next = story.post("/v1/auth/refresh", shown.clone()).await;
    let bearer = format!("Bearer {}", next["access_token"].as_str().unwrap());
    story.told_by(nobody.with_header("authorization", &bearer));
    story.get("/v1/auth/valid").await;
    story.get("/api/v1/me").await;
    story.get("/api/v1/datasets").await;
    story.get("/api/v1/keys").await;
    story.send(Method::POST, "/v1/auth/signout", None).await;
    story.get("/v1/auth/valid").await;
    story.told_by(nobody);
    story.post("/v1/auth/refresh", shown).await;
    story.post("/v1/auth/password/forgot", json!({ "email": email })).await;
    let reset = json!({ "email": email, "code": "000000", "password": "another horse battery" });
    story.post("/v1/auth/password/reset", reset).await;
}

async fn operations(story: &mut Transcript) {
    let jobs = story.get("/api/v1/jobs").await;
    for job in jobs["items"].as_array().unwrap() {
        let path = job["links"]["self"].as_str().unwrap();
        story.get(&format!("{path}/batches")).await;
        for stream in ["info", "error", "status"] {
            story.get(&format!("{path}/logs?stream={stream}")).await;
        }
        story.post(&format!("{path}/pause"), json!({})).await;
    }
    story.get("/api/v1/jobs?kind=ingest.fetch&status=completed_with_errors").await;
    story.get("/api/v1/jobs/00000000-0000-0000-0000-000000000000").await;
    let letters = story.get("/api/v1/dead-letters").await;
    let letter = letters["items"][0]["links"]["self"].as_str().unwrap().to_owned();
    let mut payload = letters["items"][0]["payload"].clone();
    payload["size"] = 2.into();
    story.send(Method::PATCH, &letter, Some(json!({ "payload": payload }))).await;
    story.post(&format!("{letter}/redrive"), json!({})).await;
    let job = json!({ "links": { "self": letters["items"][0]["links"]["job"] } });
    ended(story, &job).await;
    story.get(&letter).await;
    story.get("/status").await;
    story.get("/api/v1/journal?stream=error").await;
    story.get("/api/v1/stats").await;
    story.get("/api/v1/retry-policies").await;
    story.get("/api/v1/schedules").await;
    story.get("/api/v1/workers").await;
    story.get("/api/v1/audit").await;
    story.get("/health").await;
    story.get("/nowhere").await;
}
