//! Logs: read and followed.

use base::JobId;
use serde_json::{Value, json};
use testkit::{Answer, Client};

use super::{Stage, Toy};

/// How many lines the batches of such a job log; the engine adds its own to the stream `status`.
const LINES: usize = 3;

/// A job with two batches: each says that it begins, the second that a record failed.
async fn job(stage: &Stage, tenant: &str) -> JobId {
    let toys = [Toy::of("a", 1), Toy { failed: 1, ..Toy::of("b", 2) }];
    stage.made(tenant, Stage::FETCH, &toys).await.id
}

fn events_of(list: &Value) -> Vec<(String, String)> {
    let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let items = list["items"].as_array().expect("items");
    items.iter().map(|line| (text(line, "stream"), text(line, "message"))).collect()
}

/// How many there are without those of the engine.
fn own(events: &[(String, String)]) -> usize {
    events.iter().filter(|(stream, _)| stream != "status").count()
}

pub(super) async fn a_log_is_read_in_three_formats(stage: &Stage) {
    let id = job(stage, "formats").await;
    let client = stage.client("formats", "reader");
    let path = format!("/api/v1/jobs/{id}/logs");
    let list = client.get(&path).await.expect(200).json();
    let lines = list["items"].as_array().expect("items");
    assert_eq!(own(&events_of(&list)), LINES, "{list}");
    let failed = lines.iter().find(|line| line["stream"] == "error").expect("the failed record");
    assert_eq!((&failed["event"], &failed["record_id"]), (&json!("failed"), &json!("b")));
    assert_eq!((&failed["job_id"], &failed["data"]), (&json!(id.to_string()), &json!({"count": 1})));

    let ndjson = client.get(&format!("{path}?format=ndjson")).await.expect(200);
    assert_eq!(ndjson.header("content-type"), Some("application/x-ndjson"));
    let text = ndjson.text();
    let parsed: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(parsed, *lines);

    let csv = client.get(&format!("{path}?format=csv")).await.expect(200);
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    let mut reader = csv::Reader::from_reader(&csv.bytes[..]);
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), lines.len());
    let row = rows.iter().find(|row| &row[1] == "error").expect("the failed record");
    assert_eq!((&row[2], &row[4], &row[5], &row[6]), ("failed", "b", "some, \"failed\"", "{\"count\":1}"));
    client.get(&format!("{path}?format=xml")).await.expect(422);
}

pub(super) async fn a_log_is_filtered_and_paged(stage: &Stage) {
    let id = job(stage, "filtered").await;
    let client = stage.client("filtered", "reader");
    let path = format!("/api/v1/jobs/{id}/logs");
    let get = async |query: &str| client.get(&format!("{path}{query}")).await.expect(200).json();
    assert_eq!(events_of(&get("?stream=error").await).len(), 1);
    assert_eq!(events_of(&get("?record_id=b").await).len(), 2);
    assert_eq!(events_of(&get("?record_id=b&stream=info").await).len(), 1);
    assert_eq!(get("?record_id=none").await["items"], json!([]));
    client.get(&format!("{path}?stream=noise")).await.expect(422);

    let whole = events_of(&get("").await);
    let mut walked = Vec::new();
    let mut query = "?limit=3".to_owned();
    loop {
        let page = get(&query).await;
        walked.extend(events_of(&page));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=3&cursor={next}");
    }
    assert_eq!((own(&walked), &walked), (LINES, &whole));
    let first = client.get(&format!("{path}?limit=3&format=ndjson")).await.expect(200);
    let link = first.header("link").expect("the next page");
    let next = link.trim_start_matches('<').split('>').next().expect("an address");
    let rest = client.get(next).await.expect(200).text();
    assert_eq!(rest.lines().count(), whole.len() - 3, "{rest}");
}

/// The events of a stream: name, id, data.
fn told(answer: &Answer) -> Vec<(String, String, Value)> {
    let text = answer.text();
    let blocks = text.split("\n\n").filter(|block| block.contains("data:"));
    let field = |block: &str, name: &str| {
        let value = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.unwrap_or_default().trim().to_owned()
    };
    blocks
        .map(|block| {
            let data = serde_json::from_str(&field(block, "data")).expect("JSON");
            (field(block, "event"), field(block, "id"), data)
        })
        .collect()
}

async fn follow(client: &Client, id: JobId, seen: Option<&str>) -> Answer {
    let client = seen.map_or_else(|| client.clone(), |id| client.with_header("last-event-id", id));
    client.get(&format!("/api/v1/jobs/{id}/events")).await
}

pub(super) async fn a_job_is_followed_to_its_end(stage: &Stage) {
    let toys = [Toy { gated: true, ..Toy::of("a", 1) }];
    let id = stage.make("followed", Stage::FETCH, &toys).await;
    stage.switch.waiting.acquire().await.expect("the gate").forget();
    let client = stage.client("followed", "fetcher");
    let following = follow(&client, id, None);
    stage.switch.gate.add_permits(1);
    let answer = following.await.expect(200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let told = told(&answer);
    let (first, last) = (told.first().expect("news"), told.last().expect("news"));
    assert_eq!((first.0.as_str(), &first.2["id"]), ("progress", &json!(id.to_string())));
    assert_eq!((last.0.as_str(), &last.2["status"]), ("end", &json!("completed")));
    let lines = told.iter().filter(|(event, ..)| event == "log");
    let lines: Vec<&str> = lines.filter_map(|(_, _, line)| line["message"].as_str()).collect();
    assert!(lines.contains(&"begins \"a\""), "{lines:?}");
    assert_eq!(lines.last(), Some(&"The job is completed"));
}

pub(super) async fn a_follower_goes_on_where_it_was(stage: &Stage) {
    let id = job(stage, "resumed").await;
    let client = stage.client("resumed", "reader");
    let whole = told(&follow(&client, id, None).await.expect(200));
    let lines: Vec<_> = whole.iter().filter(|(event, ..)| event == "log").collect();
    assert!(lines.len() > LINES);
    for (n, (_, seen, _)) in lines.iter().enumerate() {
        let rest = told(&follow(&client, id, Some(seen)).await.expect(200));
        let rest: Vec<_> = rest.iter().filter(|(event, ..)| event == "log").collect();
        assert_eq!(rest, lines[n + 1..], "none missed, none twice");
    }
    let end = &whole.last().expect("the end").1;
    follow(&client, id, Some(end)).await.expect(204);
    let wrong = follow(&client, id, Some("yesterday")).await.expect(422).json();
    assert_eq!(wrong["details"][0]["field"], "Last-Event-ID");
}

pub(super) async fn the_journal_holds_every_job_of_the_tenant(stage: &Stage) {
    let (one, other) = (job(stage, "journal").await, job(stage, "journal").await);
    job(stage, "journal-elsewhere").await;
    let client = stage.client("journal", "reader");
    let list = client.get("/api/v1/journal").await.expect(200).json();
    let all = events_of(&list);
    assert_eq!(own(&all), 2 * LINES);
    let of: std::collections::BTreeSet<&str> =
        list["items"].as_array().into_iter().flatten().filter_map(|line| line["job_id"].as_str()).collect();
    assert_eq!(of.into_iter().collect::<Vec<_>>(), [one.to_string(), other.to_string()]);
    let errors = client.get("/api/v1/journal?stream=error&limit=1").await.expect(200).json();
    assert_eq!((errors["items"].as_array().map(Vec::len), &errors["has_more"]), (Some(1), &json!(true)));
    let last = list["items"][all.len() - 1]["at"].as_str().expect("an instant");
    let later = client.get(&format!("/api/v1/journal?from={last}")).await.expect(200).json();
    let later = events_of(&later).len();
    assert!(0 < later && later < all.len(), "{later}");
    client.get("/api/v1/journal?from=yesterday").await.expect(422);
    stage.client("journal", "fetcher").get("/api/v1/journal").await.expect(403);
    stage.client("journal", "fetcher").get("/api/v1/journal/tail").await.expect(403);
}
