//! Who may do what, and who did.

use serde_json::{Value, json};
use testkit::Client;

use super::Callers;

pub(super) async fn cases(callers: &Callers) {
    a_read_key_cannot_write(&callers.reader).await;
    a_write_key_cannot_read(&callers.writer).await;
    nobody_does_nothing(&callers.reader).await;
    a_stranger_finds_nothing(callers).await;
    writes_are_remembered(callers).await;
}

/// A refusal in the shape of the seed.
#[track_caller]
fn refused(answer: testkit::Answer, status: u16) {
    let body = answer.expect(status).json();
    assert_eq!((&body["status"], &body["data"]), (&json!(status), &json!({})), "{body}");
    assert!(body["description"].is_string(), "{body}");
}

async fn a_read_key_cannot_write(reader: &Client) {
    refused(reader.post("/source/write_raw", &json!({ "data": { "v": 1 } })).await, 403);
    refused(reader.post("/source/write_batch", &json!({ "records": [] })).await, 403);
    refused(reader.get("/source/events").await, 403);
}

async fn a_write_key_cannot_read(writer: &Client) {
    refused(writer.post("/source/expose", &json!({ "type": "latest" })).await, 403);
    for path in ["", "/march", "/march/window", "/march/records"] {
        refused(writer.get(&format!("/source/series{path}")).await, 403);
    }
    refused(writer.get("/source/events").await, 403);
}

async fn nobody_does_nothing(anyone: &Client) {
    let nobody = anyone.without_header("x-api-key");
    refused(nobody.post("/source/write_raw", &json!({ "data": { "v": 1 } })).await, 401);
    refused(nobody.post("/source/expose", &json!({ "type": "latest" })).await, 401);
    refused(anyone.with_key("no key").post("/source/expose", &json!({ "type": "latest" })).await, 401);
}

async fn a_stranger_finds_nothing(callers: &Callers) {
    let stranger = &callers.stranger;
    stranger.get("/source/series/march").await.expect(404);
    stranger.get("/source/series/march/records").await.expect(404);
    stranger.post("/source/expose", &json!({ "type": "latest", "name": "march" })).await.expect(404);
    assert_eq!(stranger.get("/source/series").await.expect(200).json()["items"], json!([]));
    let page = callers.reader.get("/source/series?limit=1").await.expect(200).json();
    let cursor = page["next"].as_str().expect("more than one series");
    stranger.get(&format!("/source/series?limit=1&cursor={cursor}")).await.expect(422);
    stranger.post("/source/write_raw", &json!({ "name": "march", "data": { "other": 1 } })).await.expect(200);
    let ours = callers.reader.get("/source/series/march").await.expect(200).json();
    assert_eq!(ours["records"], 36);
}

/// Asks until the events that were gathered are kept: once a second.
async fn writes_are_remembered(callers: &Callers) {
    callers.writer.post("/source/write_raw", &json!({ "name": "seen", "data": { "v": 1 } })).await.expect(200);
    callers.writer.post("/source/write_raw", &json!({ "name": "seen", "data": 1 })).await.expect(422);
    let mut tries = 0;
    let items = loop {
        let events = callers.admin.get("/source/events?limit=1000").await.expect(200).json();
        let items = events["items"].as_array().expect("items").clone();
        if items.iter().any(|item| item["status"] == 422) && items.iter().any(|item| item["series"] == "seen") {
            break items;
        }
        tries += 1;
        assert!(tries < 100_000, "events are not kept: {events}");
        tokio::task::yield_now().await;
    };
    let seen: &Value = items.iter().find(|item| item["series"] == "seen").expect("the write");
    assert_eq!((&seen["kind"], &seen["status"], &seen["count"]), (&json!("write_request"), &json!(200), &json!(1)));
    assert!(seen["bytes"] == 7 && seen["principal"].as_str().is_some_and(|who| who.starts_with("key:")), "{seen}");
    callers.admin.get("/source/events?limit=0").await.expect(422);
}
