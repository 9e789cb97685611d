//! The two routes of the seed, in the shapes that it prints.

use bytes::Bytes;
use serde_json::{Value, json};
use testkit::Client;

use super::{Callers, field, only};

pub(super) async fn cases(callers: &Callers) {
    nothing_is_found_before_anything_was_written(&callers.reader).await;
    a_record_is_written_and_read_back(callers).await;
    the_five_questions_are_answered(callers).await;
    a_record_keeps_its_text(callers).await;
    the_time_of_a_record_is_taken_in_every_form(callers).await;
    records_of_one_instant_both_live_and_a_repeat_is_one(callers).await;
    what_cannot_be_written_is_named(&callers.writer).await;
    what_cannot_be_asked_is_named(&callers.reader).await;
}

async fn nothing_is_found_before_anything_was_written(reader: &Client) {
    for kind in ["latest", "24h_devt", "24_average", "24h_average", "7d_devt", "7d_average"] {
        let answer = reader.post("/source/expose", &json!({ "type": kind })).await.expect(404).json();
        assert_eq!((&answer["status"], &answer["data"]), (&json!(404), &json!({})), "{answer}");
        assert!(answer["description"].is_string(), "{answer}");
    }
}

async fn a_record_is_written_and_read_back(callers: &Callers) {
    let body = json!({ "data": { "temp": 21.5, "wind": { "speed": 3, "from": "NW" } } });
    let written = callers.writer.post("/source/write_raw", &body).await.expect(200).json();
    assert_eq!(written["status"], 200);
    assert_eq!(written["description"], "Successfully added raw data to database");
    let record = &written["data"];
    assert_eq!((&record["name"], &record["data"]), (&json!("default"), &body["data"]));
    let (sk, at) = (record["sk"].as_str().expect("a place"), record["event_time"].as_str().expect("a time"));
    assert!(sk.starts_with(at) && at.len() == 27 && at.ends_with('Z'), "{record}");
    assert!(record["id"].as_str().is_some_and(|id| id.ends_with("/default")), "{record}");
    assert!(record["user_id"].as_str().is_some_and(|id| !id.is_empty() && !id.contains(':')), "{record}");

    let latest = callers.reader.post("/source/expose", &json!({ "type": "latest" })).await.expect(200).json();
    let expected = json!({ "status": 200, "description": "latest data", "data": {
        "latest": { "name": "default", "timestamp": at, "data": body["data"] }
    }});
    assert_eq!(latest, expected);
}

/// Writes a level of so many seconds before `now`.
async fn level(writer: &Client, now: jiff::Timestamp, ago: i64, level: i64) {
    let at = now - jiff::SignedDuration::from_secs(ago);
    let body = json!({ "name": "level", "ts": at.to_string(), "data": { "level": level, "unit": "m" } });
    writer.post("/source/write_raw", &body).await.expect(200);
}

async fn the_five_questions_are_answered(callers: &Callers) {
    let body = json!({ "name": "level", "data": { "level": 10 } });
    let now = callers.writer.post("/source/write_raw", &body).await.expect(200).json()["data"]["event_time"].clone();
    let now: jiff::Timestamp = now.as_str().and_then(|now| now.parse().ok()).expect("a time");
    let hour = 3_600;
    for (ago, value) in [(1_200, 20), (5 * hour, 30), (30 * hour, 40), (145 * hour, 50), (200 * hour, 100)] {
        level(&callers.writer, now, ago, value).await;
    }
    let ask = async |kind: &str| {
        let body = json!({ "type": kind, "name": "level" });
        callers.reader.post("/source/expose", &body).await.expect(200).json()
    };

    let developed = ask("24h_devt").await;
    assert_eq!(developed["description"], "last 24h data in 15 min increments");
    let buckets: Vec<(&String, &Value)> = developed["data"].as_object().expect("buckets").iter().collect();
    let means: Vec<&Value> = buckets.iter().map(|(_, bucket)| &bucket["data"]).collect();
    assert_eq!(means, [&json!({ "level": 10.0 }), &json!({ "level": 20.0 }), &json!({ "level": 30.0 })]);
    assert!(buckets.iter().all(|(start, bucket)| bucket["timestamp"] == json!(start) && bucket["name"] == "level"));
    assert!(buckets.windows(2).all(|pair| pair[0].0 > pair[1].0), "the newest first: {developed}");

    for kind in ["24_average", "24h_average"] {
        let average = ask(kind).await;
        assert_eq!(average["description"], "last 24h data averages");
        let only = &average["data"]["24h averages"];
        assert_eq!(only["data"], json!({ "average_level": 20.0 }), "{average}");
        assert!(only["timestamp"].as_str().is_some_and(|it| it.starts_with("from 20") && it.contains("Z to 20")));
    }

    let days = ask("7d_devt").await;
    assert_eq!(days["description"], "last 7 days data in 1 day increments");
    let means: Vec<(&String, &Value)> =
        days["data"].as_object().expect("days").iter().map(|(day, it)| (day, &it["data"]["level"])).collect();
    let expected = [("day_1", 20.0), ("day_2", 40.0), ("day_7", 50.0)].map(|(day, mean)| (day.to_owned(), json!(mean)));
    assert_eq!(means, expected.iter().map(|(day, mean)| (day, mean)).collect::<Vec<_>>());

    let week = ask("7d_average").await;
    assert_eq!(week["description"], "average 7 days data");
    assert_eq!(only(&week["data"])["data"], json!({ "average_level": 30.0 }), "{week}");
    assert_eq!(week["data"]["7 day averages"]["name"], "level");

    let some = json!({ "type": "7d_average", "name": "level", "readings": ["none"] });
    let some = callers.reader.post("/source/expose", &some).await.expect(200).json();
    assert_eq!(only(&some["data"])["data"], json!({}));
}

async fn a_record_keeps_its_text(callers: &Callers) {
    let data = r#"{"z":1.10,"id":12345678901234567890123456789012345678,"a":{"x":-0.0, "y":1E5},"é":"\u0041"}"#;
    let body = format!(r#"{{"name":"exact","data":{data}}}"#);
    let written = send(&callers.writer, &body).await.expect(200);
    assert!(written.text().contains(data), "{}", written.text());
    let latest = callers.reader.post("/source/expose", &json!({ "type": "latest", "name": "exact" })).await.expect(200);
    assert!(latest.text().contains(data), "{}", latest.text());
    let lines = callers.reader.get("/source/series/exact/records?format=ndjson").await.expect(200);
    assert!(lines.text().contains(data), "{}", lines.text());
}

async fn send(client: &Client, body: &str) -> testkit::Answer {
    let body = Some(("application/json", Bytes::from(body.to_owned())));
    client.send_bytes(http::Method::POST, "/source/write_raw", body).await
}

async fn the_time_of_a_record_is_taken_in_every_form(callers: &Callers) {
    let at = json!("2013-01-01T06:00:00.250000Z");
    let forms = [
        json!("2013-01-01T01:00:00.25-05:00"),
        json!(1_357_020_000.25),
        json!(1_357_020_000_250_i64),
        json!(1_357_020_000_250_000_i64),
    ];
    for ts in forms {
        let body = json!({ "name": "times", "ts": ts, "data": { "t": 1 } });
        let written = callers.writer.post("/source/write_raw", &body).await.expect(200).json();
        assert_eq!(written["data"]["event_time"], at, "{ts}");
    }
    let rows = json!({ "rows": [["parameter", "value"], ["t", 6]], "ts": "2013-01-01T06:00:00.25Z", "name": "times" });
    let written = callers.writer.post("/source/write_raw", &json!({ "data": rows })).await.expect(200).json();
    assert_eq!((&written["data"]["event_time"], &written["data"]["name"]), (&at, &json!("times")));
    let path = "/source/series/times/window?from=2013-01-01T06:00:00Z&to=2013-01-01T06:00:01Z&stats=n,mean";
    let window = callers.reader.get(path).await.expect(200).json();
    assert_eq!(window["buckets"][0]["readings"], json!({ "t": { "n": 5, "mean": 2.0 } }));
}

async fn records_of_one_instant_both_live_and_a_repeat_is_one(callers: &Callers) {
    let body = json!({ "name": "instant", "ts": "2020-02-29T12:00:00Z", "data": { "v": 7 } });
    for _ in 0..3 {
        callers.writer.post("/source/write_raw", &body).await.expect(200);
    }
    let keyed = callers.writer.with_header("idempotency-key", "the same record");
    let first = keyed.post("/source/write_raw", &body).await.expect(200).json();
    let again = keyed.post("/source/write_raw", &body).await.expect(200);
    assert_eq!((again.json(), again.header("idempotent-replayed")), (first, Some("true")));
    let series = callers.reader.get("/source/series/instant").await.expect(200).json();
    assert_eq!(series["records"], 4, "{series}");
    let other = json!({ "name": "instant", "data": { "v": 8 } });
    assert_eq!(field(&keyed.post("/source/write_raw", &other).await.expect(422)), "Idempotency-Key");
}

async fn what_cannot_be_written_is_named(writer: &Client) {
    let many: serde_json::Map<String, Value> = (0..257).map(|n| (format!("r{n}"), json!(n))).collect();
    let cases = [
        (json!({}), "data"),
        (json!({ "data": [1] }), "data"),
        (json!({ "data": "text" }), "data"),
        (json!({ "data": null }), "data"),
        (json!({ "data": many }), "data"),
        (json!({ "data": { "a.b": 1, "a": { "b": 2 } } }), "data.a.b"),
        (json!({ "data": { "a": "x".repeat(401_500) } }), "data"),
        (json!({ "data": {}, "name": "" }), "name"),
        (json!({ "data": {}, "name": " a" }), "name"),
        (json!({ "data": {}, "name": 5 }), "name"),
        (json!({ "data": {}, "name": "x".repeat(129) }), "name"),
        (json!({ "data": {}, "ts": "yesterday" }), "ts"),
        (json!({ "data": {}, "ts": {} }), "ts"),
        (json!({ "data": {}, "ts": "2999-01-01T00:00:00Z" }), "ts"),
        (json!({ "data": {}, "user_id": "somebody else" }), "user_id"),
    ];
    for (body, expected) in cases {
        let answer = writer.post("/source/write_raw", &body).await.expect(422);
        assert_eq!(field(&answer), expected, "{}", answer.text());
    }
    for (body, expected) in [
        (r#"{"data":{"a":NaN}}"#, "data.a"),
        (r#"{"data":{"a":Infinity}}"#, "data.a"),
        (r#"{"data":{"a":1e999}}"#, "data.a"),
        (r#"{"data":{"a":1,"a":2}}"#, "data.a"),
        (r#"{"data":"#, "data"),
    ] {
        assert_eq!(field(&send(writer, body).await.expect(422)), expected, "{body}");
    }
}

async fn what_cannot_be_asked_is_named(reader: &Client) {
    for (body, expected) in [
        (json!({}), "type"),
        (json!({ "type": "lastest" }), "type"),
        (json!({ "type": 5 }), "type"),
        (json!({ "type": "latest", "name": "\u{7}" }), "name"),
        (json!({ "type": "latest", "readings": "temp" }), "readings"),
        (json!({ "type": "latest", "more": 1 }), "more"),
    ] {
        assert_eq!(field(&reader.post("/source/expose", &body).await.expect(422)), expected, "{body}");
    }
    let wrong = reader.post("/source/expose", &json!({ "type": "lastest" })).await.expect(422).json();
    let message = wrong["message"].as_str().expect("a message");
    assert!(["latest", "24h_devt", "24_average", "7d_devt", "7d_average"].iter().all(|it| message.contains(it)));
    let unknown = reader.post("/source/expose", &json!({ "type": "latest", "name": "nobody" })).await.expect(404);
    assert_eq!(unknown.json()["data"], json!({}));
}
