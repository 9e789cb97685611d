//! The contract of this service over HTTP, as cases that any server must pass.
//!
//! [`cases`] runs them one after the other against a server that was just started, whose `users`
//! come from a stand-in of random-data-api. They run here on memory, and from
//! `freight/tests/it/ingest.rs` on every backend. No case waits but for a run to end, on the
//! connection that asked for it.

#![expect(clippy::expect_used, reason = "a case ends by panicking")]

use bytes::Bytes;
use serde_json::{Value, json};
use testkit::{Answer, Client};

/// Who calls.
pub struct Callers {
    /// Has every scope of datasets.
    pub admin: Client,
    /// Of the same tenant, and has `ingest:read` alone.
    pub reader: Client,
    /// Of another tenant, and has every scope of datasets.
    pub stranger: Client,
}

/// Runs every case.
pub async fn cases(callers: &Callers) {
    let admin = &callers.admin;
    nothing_was_fetched_yet(admin).await;
    a_run_saves_what_it_received(admin).await;
    users_are_listed_in_order_page_by_page(admin).await;
    a_message_instead_of_users_is_an_error(admin).await;
    what_cannot_be_fetched_is_named(admin).await;
    a_dataset_is_made_changed_and_removed(admin).await;
    what_a_dataset_cannot_be_is_named(admin).await;
    addresses_of_the_inside_are_refused(admin).await;
    a_record_moves_and_is_never_two(admin).await;
    records_are_kept_exactly(admin).await;
    a_table_is_imported_by_types(admin).await;
    bad_rows_fail_alone(admin).await;
    a_file_of_another_type_is_refused(admin).await;
    what_is_redacted_is_masked_for_readers(callers).await;
    a_reader_changes_nothing(&callers.reader).await;
    a_stranger_finds_nothing(callers).await;
}

async fn nothing_was_fetched_yet(client: &Client) {
    assert_eq!(client.get("/status").await.expect(200).json(), Value::Null);
    assert_eq!(client.get("/view-data").await.expect(200).text(), "[]");
    let users = client.get("/api/v1/datasets/users").await.expect(200).json();
    assert_eq!((&users["key"], &users["sort"], &users["count"]), (&json!("id"), &json!("last_name"), &json!(0)));
}

/// Starts a run of `users` and waits for its end.
async fn fetch(client: &Client, body: &Value) -> Value {
    let waiting = client.with_header("prefer", "wait=30");
    waiting.post("/fetch-data", body).await.expect(200).json()
}

async fn a_run_saves_what_it_received(client: &Client) {
    let accepted = client.post("/fetch-data", &json!({ "calls": 1, "size": 1 })).await.expect(202);
    let location = accepted.header("location").expect("where the job is").to_owned();
    assert_eq!(location, accepted.json()["links"]["self"]);
    let joined = fetch(client, &json!({ "calls": 3, "size": { "min": 10, "max": 20 } })).await;
    let status = if joined["api_calls"] == 1 {
        assert_eq!(joined["users"], 1, "one user is an object, not a list");
        fetch(client, &json!({ "calls": 3, "size": { "min": 10, "max": 20 } })).await
    } else {
        joined
    };
    assert_eq!((&status["api_calls"], &status["error_count"], &status["errors"]), (&json!(3), &json!(0), &json!([])));
    let users = status["users"].as_i64().expect("a count");
    assert!((30..=60).contains(&users), "{users}");
    assert!(status["timestamp"].is_i64() && status["duration"].as_f64().is_some_and(|it| it >= 0.0));
    assert_eq!(client.get("/status").await.expect(200).json(), status);
}

/// The records of a list, as last name and id.
fn order(users: &Value) -> Vec<(String, i64)> {
    let place = |user: &Value| {
        let name = user["last_name"].as_str().expect("a last name").to_owned();
        (name, user["id"].as_i64().expect("a whole number"))
    };
    users.as_array().expect("a list").iter().map(place).collect()
}

async fn users_are_listed_in_order_page_by_page(client: &Client) {
    let all = order(&client.get("/view-data").await.expect(200).json());
    assert!(all.len() > 10, "{} users", all.len());
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{all:?}");
    let count = client.get("/api/v1/datasets/users").await.expect(200).json()["count"].clone();
    assert_eq!(count, json!(all.len()));
    let lines = client.get("/view-data?format=ndjson").await.expect(200).text();
    assert_eq!(lines.lines().count(), all.len());
    let (mut pages, mut path) = (Vec::new(), "/view-data?limit=7".to_owned());
    loop {
        let page = client.get(&path).await.expect(200);
        pages.extend(order(&page.json()));
        let Some(link) = page.header("link") else { break };
        path = link.trim_start_matches('<').split('>').next().expect("a link").to_owned();
    }
    assert_eq!(pages, all);
    let prefix = &all[3].0[..1];
    let some = client.get(&format!("/api/v1/datasets/users/records?limit=1000&prefix={prefix}")).await.expect(200);
    let expected: Vec<_> = all.iter().filter(|(name, _)| name.starts_with(prefix)).cloned().collect();
    assert_eq!(order(&some.json()["items"]), expected);
}

async fn a_message_instead_of_users_is_an_error(client: &Client) {
    let before = client.get("/view-data").await.expect(200).text();
    let status = fetch(client, &json!({ "calls": 2, "size": 250 })).await;
    assert_eq!((&status["users"], &status["api_calls"], &status["error_count"]), (&json!(0), &json!(2), &json!(2)));
    for error in status["errors"].as_array().expect("errors") {
        assert!(error["host"].as_str().is_some_and(|host| host.ends_with("/api/v2/users")), "{error}");
        assert_eq!(error["message"], "An unexpected error occurred when fetching users.");
        assert_eq!(error["response"], 200);
        assert_eq!(error["response_content"], r#"{"message":"Maximum allowed size is 100"}"#);
    }
    assert_eq!(client.get("/view-data").await.expect(200).text(), before);
}

/// The fields that a refusal names.
fn fields(answer: &Answer) -> Vec<String> {
    let field = |detail: &Value| detail["field"].as_str().unwrap_or_default().to_owned();
    answer.json()["details"].as_array().expect("details").iter().map(field).collect()
}

async fn what_cannot_be_fetched_is_named(client: &Client) {
    for (body, field) in [
        (json!({ "calls": 0 }), "calls"),
        (json!({ "calls": 100_001 }), "calls"),
        (json!({ "size": 0 }), "size"),
        (json!({ "size": { "min": 5, "max": 4 } }), "size"),
        (json!({ "size": "many" }), "size"),
        (json!({ "pages": 1 }), "pages"),
    ] {
        assert_eq!(fields(&client.post("/fetch-data", &body).await.expect(422)), [field], "{body}");
    }
    let plain = json!({ "name": "plain", "key": "id" });
    client.post("/api/v1/datasets", &plain).await.expect(201);
    client.post("/api/v1/datasets/plain/fetch", &json!({})).await.expect(409);
    client.post("/api/v1/datasets/nothing/fetch", &json!({})).await.expect(404);
}

async fn a_dataset_is_made_changed_and_removed(client: &Client) {
    let body = json!({ "name": "cities", "key": ["country", "name"], "sort": "population", "redact": ["mayor.phone"] });
    let made = client.post("/api/v1/datasets", &body).await.expect(201);
    assert_eq!(made.header("location"), Some("/api/v1/datasets/cities"));
    assert_eq!(made.json()["key"], json!(["country", "name"]));
    client.post("/api/v1/datasets", &body).await.expect(409);
    let listed = client.get("/api/v1/datasets").await.expect(200).json();
    let names: Vec<_> = listed["items"].as_array().expect("items").iter().map(|it| it["name"].clone()).collect();
    assert!(names.contains(&json!("cities")) && names.contains(&json!("users")), "{names:?}");

    let tag = made.header("etag").expect("a tag").to_owned();
    let seen = client.with_header("if-match", &tag);
    let changed = seen.patch("/api/v1/datasets/cities", &json!({ "public": true })).await.expect(200);
    assert_eq!((&changed.json()["public"], &changed.json()["redact"]), (&json!(true), &json!(["mayor.phone"])));
    seen.patch("/api/v1/datasets/cities", &json!({ "public": false })).await.expect(412);

    import(client, "cities", "application/x-ndjson", r#"{"country":"PT","name":"Porto","population":231800}"#).await;
    client.get("/api/v1/datasets/cities/records/PT,Porto").await.expect(200);
    let removed = client.delete("/api/v1/datasets/cities").await.expect(202);
    assert!(removed.header("location").is_some_and(|at| at.starts_with("/api/v1/jobs/")));
    client.get("/api/v1/datasets/cities").await.expect(404);
    client.get("/api/v1/datasets/cities/records").await.expect(404);
    client.post("/api/v1/datasets", &body).await.expect(201);
    assert_eq!(client.get("/api/v1/datasets/cities").await.expect(200).json()["count"], 0);
    client.get("/api/v1/datasets/cities/records/PT,Porto").await.expect(404);
}

async fn what_a_dataset_cannot_be_is_named(client: &Client) {
    let source = |source: Value| json!({ "name": "wrong", "key": "id", "source": source });
    let url = "https://example.com/";
    for (body, field) in [
        (json!({ "name": "Wrong", "key": "id" }), "name"),
        (json!({ "name": "", "key": "id" }), "name"),
        (json!({ "name": "wrong", "key": "" }), "key"),
        (json!({ "name": "wrong", "key": [] }), "key"),
        (json!({ "name": "wrong", "key": ["$row", "id"] }), "key"),
        (json!({ "name": "wrong", "key": ["id", "id"] }), "key"),
        (json!({ "name": "wrong", "key": "id", "sort": "a..b" }), "sort"),
        (json!({ "name": "wrong", "key": "id", "redact": ["id"] }), "redact"),
        (json!({ "name": "wrong", "key": "id", "count": 7 }), "count"),
        (json!({ "name": "wrong" }), "key"),
        (source(json!({ "url": url, "rate": 0 })), "source.rate"),
        (source(json!({ "url": url, "concurrency": 17 })), "source.concurrency"),
        (source(json!({ "url": url, "headers": { "Authorization": "x" } })), "source.headers"),
        (source(json!({ "url": url, "schedule": "every 29s" })), "source.schedule"),
        (source(json!({ "url": url, "auth": { "kind": "bearer", "secret": "unknown" } })), "source.auth.secret"),
    ] {
        let refused = client.post("/api/v1/datasets", &body).await.expect(422);
        assert_eq!(fields(&refused), [field], "{body}");
        assert!(!refused.text().contains("Authorization: x"));
    }
    client.get("/api/v1/datasets/wrong").await.expect(404);
    let other = json!({ "source": { "url": url } });
    assert_eq!(fields(&client.patch("/api/v1/datasets/users", &other).await.expect(422)), ["source"]);
}

async fn addresses_of_the_inside_are_refused(client: &Client) {
    for url in [
        "http://127.0.0.1/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://localhost/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://metadata.google.internal/",
        "https://user@example.com/",
        "https://example.com:6379/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "not a url",
    ] {
        let body = json!({ "name": "inside", "key": "id", "source": { "url": url } });
        assert_eq!(fields(&client.post("/api/v1/datasets", &body).await.expect(422)), ["source.url"], "{url}");
    }
}

/// Imports a file; how it went.
async fn import(client: &Client, dataset: &str, media: &str, file: &str) -> Value {
    let path = if dataset.contains('?') {
        format!("/api/v1/datasets/{}", dataset.replacen('?', "/import?", 1))
    } else {
        format!("/api/v1/datasets/{dataset}/import")
    };
    let body = Some((media, Bytes::copy_from_slice(file.as_bytes())));
    client.send_bytes(http::Method::POST, &path, body).await.expect(207).json()
}

async fn export(client: &Client, dataset: &str, format: &str) -> String {
    client.get(&format!("/api/v1/datasets/{dataset}/export?format={format}")).await.expect(200).text()
}

async fn a_record_moves_and_is_never_two(client: &Client) {
    client.post("/api/v1/datasets", &json!({ "name": "people", "key": "id", "sort": "name" })).await.expect(201);
    let first = "{\"id\":1,\"name\":\"b\"}\n{\"id\":2,\"name\":\"a\"}\n{\"id\":10,\"name\":\"a\"}\n";
    let report = import(client, "people", "application/x-ndjson", first).await;
    assert_eq!(report, json!({ "received": 3, "saved": 3, "failed": 0, "errors": [] }));
    let lines = "{\"id\":2,\"name\":\"a\"}\n{\"id\":10,\"name\":\"a\"}\n{\"id\":1,\"name\":\"b\"}\n";
    assert_eq!(export(client, "people", "ndjson").await, lines);
    // The same record again, twice in one file: the later one stays, at its place.
    import(client, "people", "application/x-ndjson", "{\"id\":2,\"name\":\"x\"}\n{\"id\":2.0,\"name\":\"c\"}\n").await;
    let lines = "{\"id\":10,\"name\":\"a\"}\n{\"id\":1,\"name\":\"b\"}\n{\"id\":2.0,\"name\":\"c\"}\n";
    assert_eq!(export(client, "people", "ndjson").await, lines);
    assert_eq!(client.get("/api/v1/datasets/people").await.expect(200).json()["count"], 3);
    assert_eq!(client.get("/api/v1/datasets/people/records/2").await.expect(200).text(), r#"{"id":2.0,"name":"c"}"#);
}

async fn records_are_kept_exactly(client: &Client) {
    client.post("/api/v1/datasets", &json!({ "name": "exact", "key": "$row", "sort": "$row" })).await.expect(201);
    let lines = [
        r#"{"z":6207,"a":6207.0,"b":1E5,"c":-0.0,"d":0.10000000000000000000000000000000000001}"#,
        r#"{"n":12345678901234567890123456789012345678,"text":"\u00e9é\ud83d\ude00","o":{"y":[],"x":{}}}"#,
        r#"{ "spaced" : [ 1, 2 ] , "null":null}"#,
    ];
    let file = lines.join("\n");
    import(client, "exact", "application/x-ndjson", &file).await;
    assert_eq!(export(client, "exact", "ndjson").await, file.clone() + "\n");
    assert_eq!(export(client, "exact", "json").await, format!("[{}]", lines.join(",")));
    let records = client.get("/api/v1/datasets/exact/records").await.expect(200).text();
    assert!(lines.iter().all(|line| records.contains(line)), "{records}");
    // Sent in parts, rows go on where the part before ended.
    import(client, "exact?first_row=4", "application/x-ndjson", "{\"part\":2}").await;
    assert_eq!(export(client, "exact", "ndjson").await, file + "\n{\"part\":2}\n");
}

async fn a_table_is_imported_by_types(client: &Client) {
    client.post("/api/v1/datasets", &json!({ "name": "table", "key": "id", "sort": "price" })).await.expect(201);
    let file = "id,price,name,tags\n007,10.50,\"Smith, \"\"J\"\"\",[1]\n008,9,NA,\n";
    let report = import(client, "table?types=price:number,tags:json", "text/csv", file).await;
    assert_eq!((&report["saved"], &report["failed"]), (&json!(2), &json!(0)));
    let lines =
        "{\"id\":\"008\",\"price\":9}\n{\"id\":\"007\",\"price\":10.50,\"name\":\"Smith, \\\"J\\\"\",\"tags\":[1]}\n";
    assert_eq!(export(client, "table", "ndjson").await, lines);
    let table = "id,price,name,tags\n008,9,,\n007,10.50,\"Smith, \"\"J\"\"\",[1]\n";
    assert_eq!(export(client, "table", "csv").await, table);
    let path = "/api/v1/datasets/table/import?types=weight:number";
    let body = Some(("text/csv", Bytes::from_static(b"id,price\n1,2\n")));
    assert_eq!(fields(&client.send_bytes(http::Method::POST, path, body).await.expect(422)), ["types"]);
}

async fn bad_rows_fail_alone(client: &Client) {
    client.post("/api/v1/datasets", &json!({ "name": "rows", "key": "id", "sort": "n" })).await.expect(201);
    let file = "{\"id\":1,\"n\":1}\n[]\n{\"id\":2}\n\n{\"id\":3,\"n\":1,\"n\":2}\n{\"n\":\n{\"id\":4,\"n\":1}";
    let report = import(client, "rows", "application/x-ndjson", file).await;
    assert_eq!((&report["received"], &report["saved"], &report["failed"]), (&json!(6), &json!(2), &json!(4)));
    let rows: Vec<_> = report["errors"].as_array().expect("errors").iter().map(|it| it["row"].clone()).collect();
    assert_eq!(rows, [2, 3, 5, 6]);
    assert_eq!(report["errors"][1]["field"], "n");
    let many = "{}\n".repeat(1_005);
    let report = import(client, "rows", "application/x-ndjson", &many).await;
    assert_eq!((&report["failed"], report["errors"].as_array().map(Vec::len)), (&json!(1_005), Some(1_000)));
}

async fn a_file_of_another_type_is_refused(client: &Client) {
    let body = Some(("text/plain", Bytes::from_static(b"{}")));
    client.send_bytes(http::Method::POST, "/api/v1/datasets/rows/import", body).await.expect(415);
    let body = Some(("text/csv", Bytes::from_static(b"id,id\n1,2\n")));
    client.send_bytes(http::Method::POST, "/api/v1/datasets/rows/import", body).await.expect(422);
    client.get("/api/v1/datasets/rows/export?format=xml").await.expect(422);
}

async fn what_is_redacted_is_masked_for_readers(callers: &Callers) {
    let body = json!({ "name": "secrets", "key": "id", "redact": ["pin", "cards.number"] });
    callers.admin.post("/api/v1/datasets", &body).await.expect(201);
    let line = r#"{"id":1,"pin":1234,"cards":[{"number":"4396"}]}"#;
    import(&callers.admin, "secrets", "application/x-ndjson", line).await;
    let masked = r#"{"id":1,"pin":"***","cards":[{"number":"***"}]}"#;
    for path in ["records/1", "records", "export?format=ndjson", "export?format=json", "export?format=csv"] {
        let path = format!("/api/v1/datasets/secrets/{path}");
        assert!(callers.admin.get(&path).await.expect(200).text().contains("1234"), "{path}");
        let seen = callers.reader.get(&path).await.expect(200).text();
        assert!(!seen.contains("1234") && !seen.contains("4396") && seen.contains("***"), "{path}: {seen}");
    }
    assert_eq!(callers.reader.get("/api/v1/datasets/secrets/records/1").await.expect(200).text(), masked);
    let users = callers.reader.get("/view-data").await.expect(200).json();
    for user in users.as_array().expect("a list") {
        assert_eq!((&user["password"], &user["credit_card"]["cc_number"]), (&json!("***"), &json!("***")));
    }
}

async fn a_reader_changes_nothing(reader: &Client) {
    reader.post("/fetch-data", &json!({})).await.expect(403);
    reader.post("/api/v1/datasets", &json!({ "name": "mine", "key": "id" })).await.expect(403);
    reader.patch("/api/v1/datasets/secrets", &json!({ "redact": [] })).await.expect(403);
    reader.delete("/api/v1/datasets/secrets").await.expect(403);
    let body = Some(("application/x-ndjson", Bytes::from_static(b"{}")));
    reader.send_bytes(http::Method::POST, "/api/v1/datasets/secrets/import", body).await.expect(403);
}

async fn a_stranger_finds_nothing(callers: &Callers) {
    callers.stranger.get("/api/v1/datasets/secrets").await.expect(404);
    callers.stranger.get("/api/v1/datasets/secrets/records/1").await.expect(404);
    callers.stranger.delete("/api/v1/datasets/secrets").await.expect(404);
    assert_eq!(callers.stranger.get("/view-data").await.expect(200).text(), "[]");
    assert_eq!(callers.stranger.get("/status").await.expect(200).json(), Value::Null);
    callers.admin.get("/api/v1/datasets/secrets/records/1").await.expect(200);
}
