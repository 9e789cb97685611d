//! `POST /fetch-data` of 200 calls of which about a third ask for too much, on a SQLite file.
//!
//! The stand-in is the witness: its journal says what was answered, and a second stand-in with the
//! same seed says what the answers were, byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use freight::compose::Settings;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use testkit::Client;
use tokio::net::TcpListener;

use crate::on_file;
use crate::server::Server;

const CALLS: usize = 200;
const SEED: u64 = 22;
/// The size that the mended call asks for.
const MENDED: usize = 7;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_told_exactly_and_what_failed_can_be_mended() {
    let (at, stand_in) = stand_in().await;
    let server = Server::start(on_file::ground().await, Settings { sandbox: Some(at), ..Settings::default() }).await;
    let admin = &server.admin;
    assert_eq!(admin.get("/status").await.expect(200).json(), Value::Null);

    let asked = json!({ "calls": CALLS, "size": { "min": 1, "max": 150 } });
    let told = admin.with_header("prefer", "wait=30").post("/fetch-data", &asked).await.expect(200).json();
    let lines = journal(&stand_in).await;
    assert_eq!(lines.len(), CALLS, "every call once");
    assert_eq!(admin.get("/status").await.expect(200).json(), told);
    status_is_exact(&told, &lines, &format!("http://{at}/api/v2/users"));
    users_are_those_that_were_sent(admin, &lines).await;
    let letters = letters_are_the_refused_calls(admin, &lines).await;

    let (letter, job) = (letters[0]["links"]["self"].as_str().unwrap(), letters[0]["links"]["job"].as_str().unwrap());
    let mut payload = letters[0]["payload"].clone();
    payload["size"] = MENDED.into();
    admin.patch(letter, &json!({ "payload": payload })).await.expect(200);
    admin.post_empty(&format!("{letter}/redrive")).await.expect(200);
    ended(admin, job).await;
    let lines = journal(&stand_in).await;
    assert_eq!(lines.len(), CALLS + 1, "the mended call alone was made again");
    assert_eq!(lines[CALLS]["size"], MENDED.to_string());
    let mended = admin.get("/status").await.expect(200).json();
    let count = |status: &Value, name: &str| status[name].as_u64().unwrap();
    assert_eq!(count(&mended, "users"), count(&told, "users") + MENDED as u64);
    assert_eq!(count(&mended, "error_count"), count(&told, "error_count") - 1);
    assert_eq!(count(&mended, "api_calls"), count(&told, "api_calls"));
    assert_eq!(mended["errors"].as_array().unwrap().len(), letters.len() - 1);
    assert_eq!(dead_letters(admin).await.len(), letters.len() - 1);
    users_are_those_that_were_sent(admin, &lines).await;

    // What was not mended fails again, each once, and nothing is counted twice.
    let redriven = admin.post_empty("/api/v1/dead-letters/redrive").await.expect(200).json();
    assert_eq!(redriven["redriven"], letters.len() - 1);
    ended(admin, job).await;
    assert_eq!(journal(&stand_in).await.len(), CALLS + letters.len());
    let again = admin.get("/status").await.expect(200).json();
    for name in ["users", "api_calls", "error_count", "errors"] {
        assert_eq!(again[name], mended[name], "{name}");
    }
    assert_eq!(dead_letters(admin).await.len(), letters.len() - 1);
    server.stop().await;
}

/// A stand-in that answers as the seed says, and a caller of it.
async fn stand_in() -> (SocketAddr, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let behaviour = sandbox::Behaviour { seed: SEED, ..sandbox::Behaviour::default() };
    let config = sandbox::Config { behaviour, ..sandbox::Config::default() };
    tokio::spawn(sandbox::serve(listener, config, std::future::pending()));
    (at, Client::at(format!("http://{at}")))
}

async fn journal(stand_in: &Client) -> Vec<Value> {
    let text = stand_in.get("/_sandbox/journal").await.expect(200).text();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until a job has ended: then the stream of its events does.
async fn ended(admin: &Client, job: &str) {
    admin.get(&format!("{job}/events")).await.expect(200);
    let status = admin.get(job).await.expect(200).json()["status"].clone();
    assert_eq!(status, "completed_with_errors");
}

async fn dead_letters(admin: &Client) -> Vec<Value> {
    let list = admin.get("/api/v1/dead-letters?limit=1000").await.expect(200).json();
    list["items"].as_array().unwrap().clone()
}

fn refused(lines: &[Value]) -> Vec<&str> {
    let mut sizes: Vec<&str> =
        lines.iter().filter(|line| line["class"] == "message").map(|line| line["size"].as_str().unwrap()).collect();
    sizes.sort_unstable();
    sizes
}

fn status_is_exact(told: &Value, lines: &[Value], host: &str) {
    let records: usize = lines.iter().map(|line| line["records"].as_array().unwrap().len()).sum();
    let refused = refused(lines).len();
    assert!((CALLS / 5..CALLS / 2).contains(&refused), "{refused} calls asked for too much");
    assert_eq!(told["users"], records);
    assert_eq!(told["api_calls"], CALLS);
    assert_eq!(told["error_count"], refused);
    let error = json!({
        "host": host,
        "message": "An unexpected error occurred when fetching users.",
        "response": 200,
        "response_content": r#"{"message":"Maximum allowed size is 100"}"#,
    });
    assert_eq!(told["errors"], Value::Array(vec![error; refused]));
    assert!(told["timestamp"].as_i64().unwrap() > 1_700_000_000_000, "milliseconds");
    assert!(told["duration"].as_f64().unwrap() > 0.0);
}

/// Each call that was refused is one dead letter, with its request and the answer.
async fn letters_are_the_refused_calls(admin: &Client, lines: &[Value]) -> Vec<Value> {
    let letters = dead_letters(admin).await;
    let mut sizes: Vec<String> = letters.iter().map(|letter| letter["payload"]["size"].to_string()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, refused(lines));
    for letter in &letters {
        let (context, size) = (&letter["context"], &letter["payload"]["size"]);
        assert!(context["request"].as_str().unwrap().ends_with(&format!("?size={size}")), "{letter}");
        assert_eq!(context["response_content"], r#"{"message":"Maximum allowed size is 100"}"#);
        assert_eq!(letter["attempts"], 1, "a call that asks for too much is not repeated");
    }
    letters
}

/// One record for each id that was sent, byte for byte as it was sent, in the order of last name
/// and id.
async fn users_are_those_that_were_sent(admin: &Client, lines: &[Value]) {
    let body = admin.get("/view-data").await.expect(200).text();
    let users: Vec<&RawValue> = serde_json::from_str(&body).unwrap();
    let sent = sent(lines).await;
    let mut places = Vec::new();
    for user in &users {
        let place = place(user.get());
        assert!(sent[&place.1].contains(user.get()), "nobody sent {user}");
        places.push(place);
    }
    assert!(places.is_sorted(), "by last name, then by id");
    let ids: BTreeSet<u64> = places.iter().map(|(_, id)| *id).collect();
    assert_eq!(ids.len(), users.len(), "one record for each id");
    assert!(ids.into_iter().eq(sent.keys().copied()), "every id that was sent");
    assert!(users.iter().any(|user| user.get().contains(r#""number":9"#)), "integers beyond a double were sent");
}

/// The texts of all records that were sent, by id: another stand-in of the same seed sends them
/// again, asked in the order of the numbers.
async fn sent(lines: &[Value]) -> BTreeMap<u64, BTreeSet<String>> {
    let (_, again) = stand_in().await;
    let sizes: BTreeMap<u64, &str> =
        lines.iter().map(|line| (line["n"].as_u64().unwrap(), line["size"].as_str().unwrap())).collect();
    let mut sent: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    for (n, (number, size)) in (1..).zip(&sizes) {
        assert_eq!(n, *number, "numbers have no gaps");
        let body = again.get(&format!("/api/v2/users?size={size}")).await.expect(200).text();
        let records: Vec<&RawValue> = match body.as_bytes()[0] {
            b'[' => serde_json::from_str(&body).unwrap(),
            _ => vec![serde_json::from_str(&body).unwrap()],
        };
        for record in records.iter().filter(|record| !record.get().starts_with(r#"{"message""#)) {
            sent.entry(place(record.get()).1).or_default().insert(record.get().to_owned());
        }
    }
    sent
}

/// Where a user stands in the order.
fn place(user: &str) -> (String, u64) {
    let user: Value = serde_json::from_str(user).unwrap();
    (user["last_name"].as_str().unwrap().to_owned(), user["id"].as_u64().unwrap())
}
