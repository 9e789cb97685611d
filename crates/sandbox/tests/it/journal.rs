//! The journal as a witness.

use std::collections::BTreeMap;

use hyper::Method;
use sandbox::{Behaviour, Config, Fault};
use serde_json::{Value, json};

use crate::client::Server;

/// What a client that branches on shape gets out of a body: the whole records, and how many lack
/// something.
fn read(body: &[u8]) -> (Vec<Value>, usize) {
    let users = match serde_json::from_slice(body) {
        Ok(Value::Array(users)) => users,
        Ok(user @ Value::Object(_)) => vec![user],
        _ => Vec::new(),
    };
    let whole = |user: &Value| user.get("id").is_some() && user.get("last_name").is_some();
    let (good, bad): (Vec<Value>, Vec<Value>) = users.into_iter().partition(whole);
    (good.iter().map(|user| json!({ "id": user["id"], "last_name": user["last_name"] })).collect(), bad.len())
}

#[tokio::test]
async fn it_says_exactly_what_was_answered() {
    let faults: BTreeMap<Fault, f64> = Fault::ALL.map(|fault| (fault, 0.06)).into();
    let server = Server::behaving(Behaviour { seed: 11, faults, slow_body_ms: 0, ..Behaviour::default() }).await;
    let (mut replies, mut records) = (Vec::new(), 0);
    for size in [1, 2, 30, 100, 101, 17].into_iter().cycle().take(240) {
        let path = format!("/api/v2/users?size={size}");
        replies.push((size, server.send(Method::GET, &path, String::new()).await.ok()));
    }
    let journal = server.journal().await;
    assert_eq!(journal.len(), replies.len());
    for (at, (line, (size, reply))) in journal.iter().zip(&replies).enumerate() {
        assert_eq!((&line["seq"], &line["n"]), (&json!(at + 1), &json!(at + 1)));
        assert_eq!((&line["path"], &line["size"]), (&json!("/api/v2/users"), &json!(size.to_string())));
        assert_eq!(line["status"], json!(reply.as_ref().map(|reply| reply.status)));
        let body = reply.as_ref().map_or(&[][..], |reply| &reply.body);
        assert_eq!(line["body_blake3"], blake3::hash(body).to_hex().as_str(), "{line}");
        assert_eq!(line["body_bytes"], body.len());
        match line["class"].as_str().unwrap() {
            "object" | "array" | "slow" | "malformed" if *size <= 100 => {
                let (good, bad) = read(body);
                assert_eq!((&line["records"], &line["malformed"]), (&json!(good), &json!(bad)));
                assert_eq!(good.len() + bad, *size);
                records += good.len();
            }
            _ => assert_eq!((&line["records"], &line["malformed"]), (&json!([]), &json!(0))),
        }
        assert_eq!(line["broken"], line["class"].as_str().unwrap().parse::<Fault>().is_ok());
    }
    let stats = server.stats().await;
    assert_eq!((&stats["answered"], &stats["records"]), (&json!(240), &json!(records)));
    assert!(records > 1_000);
    for class in Fault::ALL.map(Fault::as_str).into_iter().chain(["object", "array", "message"]) {
        let lines = journal.iter().filter(|line| line["class"] == class).count();
        assert!(lines > 0, "{class} never happened");
        assert_eq!(stats["by_class"][class], lines);
    }
    server.stop().await;
}

#[tokio::test]
async fn the_file_has_the_line_when_the_answer_arrives() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.ndjson");
    std::fs::write(&path, "an earlier line\n").unwrap();
    let server = Server::start(Config { journal: Some(path.clone()), ..Config::default() }).await;
    for calls in 1..=5 {
        let reply = server.users(3).await;
        let text = std::fs::read_to_string(&path).unwrap();
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last["n"], calls);
        assert_eq!(last["body_blake3"], blake3::hash(&reply.body).to_hex().as_str());
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.strip_prefix("an earlier line\n"), Some(server.get("/_sandbox/journal").await.text()));

    assert_eq!(server.reset().await.status, 204);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    server.users(1).await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), server.get("/_sandbox/journal").await.text());
    server.stop().await;
}

#[tokio::test]
async fn it_can_be_read_on_from_a_line() {
    let server = Server::start(Config { journal_lines_max: 4, ..Config::default() }).await;
    assert!(server.journal().await.is_empty());
    for _ in 0..6 {
        server.users(1).await;
    }
    let from = async |seq: u64| server.get(&format!("/_sandbox/journal?from={seq}")).await;
    let numbers: Vec<Value> = from(3).await.lines().iter().map(|line| line["seq"].clone()).collect();
    assert_eq!(numbers, [3, 4, 5, 6]);
    assert_eq!(from(6).await.lines().len(), 1);
    assert!(from(7).await.body.is_empty());
    let gone = from(2).await;
    assert_eq!((gone.status, &gone.json()["message"]), (410, &json!("The oldest line kept is 3")));
    server.stop().await;
}

/// An answer that could not be recorded would be one that the witness has not seen.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_cannot_be_recorded_is_not_answered() {
    let server = Server::start(Config { journal: Some("/dev/full".into()), ..Config::default() }).await;
    for _ in 0..2 {
        let reply = server.users(5).await;
        assert_eq!(reply.status, 500);
        assert!(!reply.text().contains("last_name"));
    }
    let stats = server.stats().await;
    assert_eq!((&stats["calls"], &stats["answered"], &stats["records"]), (&json!(2), &json!(0), &json!(0)));
}
