//! Many records at once.

use bytes::Bytes;
use serde_json::{Value, json};
use testkit::{Answer, Client};

use super::{Callers, field};

pub(super) async fn cases(callers: &Callers) {
    good_rows_are_written_although_others_fail(callers).await;
    lines_are_taken_too(callers).await;
    each_record_is_judged_alone(callers).await;
    a_batch_of_several_pieces_keeps_its_order(callers).await;
    what_is_no_batch_is_named(&callers.writer).await;
    a_repeated_batch_is_written_once(callers).await;
}

async fn lines(client: &Client, text: &str) -> Answer {
    let body = Some(("application/x-ndjson", Bytes::from(text.to_owned())));
    client.send_bytes(http::Method::POST, "/source/write_batch", body).await
}

async fn records(reader: &Client, series: &str) -> Value {
    reader.get(&format!("/source/series/{series}")).await.expect(200).json()["records"].clone()
}

async fn good_rows_are_written_although_others_fail(callers: &Callers) {
    let batch = json!({ "records": [
        { "name": "batch", "data": { "v": 1 } },
        { "name": "batch", "data": 1 },
        { "data": { "v": 1 }, "ts": "2999-01-01T00:00:00Z" },
        { "name": "batch2", "data": { "v": 3 }, "ts": "2021-05-05T05:05:05Z" },
    ]});
    let report = callers.writer.post("/source/write_batch", &batch).await.expect(207).json();
    assert_eq!((&report["received"], &report["saved"], &report["failed"]), (&json!(4), &json!(2), &json!(2)));
    let results = report["results"].as_array().expect("results");
    let statuses: Vec<&Value> = results.iter().map(|row| &row["status"]).collect();
    assert_eq!(statuses, [&json!(200), &json!(422), &json!(422), &json!(200)]);
    assert_eq!((&results[1]["field"], &results[2]["field"]), (&json!("data"), &json!("ts")));
    assert!(results[3]["sk"].as_str().is_some_and(|sk| sk.starts_with("2021-05-05T05:05:05.000000Z")));
    assert_eq!(
        (records(&callers.reader, "batch").await, records(&callers.reader, "batch2").await),
        (json!(1), json!(1))
    );
}

async fn lines_are_taken_too(callers: &Callers) {
    let text = "{\"name\":\"lines\",\"data\":{\"v\":1}}\r\n\nnonsense\n{\"name\":\"lines\",\"data\":{\"v\":2}}";
    let report = lines(&callers.writer, text).await.expect(207).json();
    let rows: Vec<(&Value, &Value)> =
        report["results"].as_array().expect("results").iter().map(|row| (&row["row"], &row["status"])).collect();
    assert_eq!(rows, [(&json!(1), &json!(200)), (&json!(3), &json!(422)), (&json!(4), &json!(200))]);
    assert_eq!(records(&callers.reader, "lines").await, 2);
}

/// What is wrong in one record of a list, or too many in it, is no matter of the others.
async fn each_record_is_judged_alone(callers: &Callers) {
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let bad = ["1e400", "{\"a\":1,\"a\":2}", deep.as_str(), "\"\\ud800\""];
    let bad = bad.map(|bad| format!("{{\"name\":\"alone\",\"data\":{{\"v\":1,\"bad\":{bad}}}}}"));
    let good = "{\"name\":\"alone\",\"data\":{\"v\":1}}".to_owned();
    let sent: Vec<String> = [good.clone()].into_iter().chain(bad).chain([good]).collect();
    let body = format!("{{\"records\":[{}]}}", sent.join(","));
    let media = Some(("application/json", Bytes::from(body)));
    let report = callers.writer.send_bytes(http::Method::POST, "/source/write_batch", media).await.expect(207).json();
    let statuses = |report: &Value| -> Vec<i64> {
        report["results"].as_array().expect("results").iter().filter_map(|row| row["status"].as_i64()).collect()
    };
    assert_eq!(statuses(&report), [200, 422, 422, 422, 422, 200], "{report}");

    // A series has room for so many different numbers, and one record has more than are left.
    let named = |names: std::ops::Range<usize>| -> String {
        let numbers: Vec<String> = names.map(|n| format!("\"n{n}\":{n}")).collect();
        format!("{{\"name\":\"names\",\"data\":{{{}}}}}\n", numbers.join(","))
    };
    let full: String = (0..10).map(|part| named(part * 100..(part + 1) * 100)).collect();
    let report = lines(&callers.writer, &format!("{full}{}{}", named(1_000..1_100), named(0..3))).await.expect(207);
    let expected: Vec<i64> = [200; 10].into_iter().chain([422, 200]).collect();
    assert_eq!(statuses(&report.json()), expected);
    assert_eq!(records(&callers.reader, "names").await, 11);
}

async fn a_batch_of_several_pieces_keeps_its_order(callers: &Callers) {
    let row = |n: usize| match n {
        700 | 1_500 => "nonsense\n".to_owned(),
        _ => format!("{{\"name\":\"pieces\",\"data\":{{\"v\":{n}}}}}\n"),
    };
    let text: String = (1..=2_100).map(row).collect();
    let report = lines(&callers.writer, &text).await.expect(207).json();
    assert_eq!((&report["saved"], &report["failed"]), (&json!(2_098), &json!(2)));
    let results = report["results"].as_array().expect("results");
    assert!(results.iter().enumerate().all(|(place, result)| result["row"] == place + 1));
    assert!([&results[699], &results[1_499]].iter().all(|result| result["status"] == 422));
    // All are of one instant: what orders them is where they stood.
    let places: Vec<&str> = results.iter().filter_map(|result| result["sk"].as_str()).collect();
    assert!(places.len() == 2_098 && places.is_sorted_by(|one, two| one < two));
    assert_eq!(records(&callers.reader, "pieces").await, 2_098);
}

pub(super) async fn ten_thousand_are_the_most(callers: &Callers) {
    let row = |n: usize| format!("{{\"name\":\"many\",\"ts\":{},\"data\":{{\"v\":{n}}}}}\n", 1_600_000_000 + n * 60);
    let text: String = (0..10_000).map(row).collect();
    let report = lines(&callers.writer, &text).await.expect(207).json();
    assert_eq!(report["saved"], 10_000);
    let window = "/source/series/many/window?from=1600000000&to=1600600000&stats=n,mean,min,max,first,last";
    let window = callers.reader.get(window).await.expect(200).json();
    let expected = json!({ "n": 10_000, "mean": 4_999.5, "min": 0.0, "max": 9_999.0, "first": 0.0, "last": 9_999.0 });
    assert_eq!(window["buckets"][0]["readings"]["v"], expected);
    assert_eq!(field(&lines(&callers.writer, &format!("{text}{}", row(10_000))).await.expect(422)), "records");
    assert_eq!(records(&callers.reader, "many").await, 10_000);
}

async fn what_is_no_batch_is_named(writer: &Client) {
    for (body, expected) in
        [(json!({}), "records"), (json!({ "records": [] }), "records"), (json!({ "rows": [] }), "rows")]
    {
        assert_eq!(field(&writer.post("/source/write_batch", &body).await.expect(422)), expected, "{body}");
    }
    assert_eq!(field(&lines(writer, "\n").await.expect(422)), "records");
    let body = Some(("text/csv", Bytes::from_static(b"a\n1\n")));
    let other = writer.send_bytes(http::Method::POST, "/source/write_batch", body).await.expect(415);
    assert_eq!(field(&other), "Content-Type");
    let long = format!("{{\"data\":{{\"a\":\"{}\"}}}}\n", "x".repeat(390_000)).repeat(28);
    lines(writer, &long).await.expect(413);
}

async fn a_repeated_batch_is_written_once(callers: &Callers) {
    let text = "{\"name\":\"repeat\",\"data\":{\"v\":1}}\n".repeat(3);
    let keyed = callers.writer.with_header("idempotency-key", "the same batch");
    let first = lines(&keyed, &text).await.expect(207).json();
    let again = lines(&keyed, &text).await.expect(207).json();
    assert_eq!(first, again);
    assert_eq!(records(&callers.reader, "repeat").await, 3);
}
