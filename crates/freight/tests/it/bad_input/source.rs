//! Measurements: what is written, asked and read. Whatever is wrong with a request is 422 here.

use super::case::{Case, get, post, request};

const INVALID: &str = "validation_error";

pub(crate) fn cases() -> Vec<Case> {
    [writes(), batches(), questions(), reads()].into_iter().flatten().collect()
}

fn writes() -> Vec<Case> {
    let write = |body: &str| post("/source/write_raw", body.to_owned());
    let long = format!(r#"{{"data": {{"{}": 1}}}}"#, "a".repeat(256));
    let many = format!(r#"{{"data": {{"a": [{}]}}}}"#, vec!["1"; 257].join(","));
    vec![
        write("").is(422, INVALID, "body"),
        write("[]").is(422, INVALID, "body"),
        write("{}").is(422, INVALID, "data"),
        write(r#"{"data": 5}"#).is(422, INVALID, "data"),
        write(r#"{"data": []}"#).is(422, INVALID, "data"),
        write(r#"{"data": {"a": 1, "a": 2}}"#).is(422, INVALID, "data.a"),
        write(r#"{"data": {"a": {"b": 1}, "a.b": 2}}"#).is(422, INVALID, "data.a.b"),
        write(r#"{"data": {"a": nan}}"#).is(422, INVALID, "data.a"),
        write(r#"{"data": {"a": 1e400}}"#).is(422, INVALID, "data.a"),
        write(&many).is(422, INVALID, "data"),
        write(&long).is(422, INVALID, "data.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        write(r#"{"data": {}, "name": ""}"#).is(422, INVALID, "name"),
        write(r#"{"data": {}, "name": ".."}"#).is(422, INVALID, "name"),
        write(r#"{"data": {}, "name": "a\u0000"}"#).is(422, INVALID, "name"),
        write(r#"{"data": {}, "name": []}"#).is(422, INVALID, "name"),
        write(r#"{"data": {}, "ts": "soon"}"#).is(422, INVALID, "ts"),
        write(r#"{"data": {}, "ts": true}"#).is(422, INVALID, "ts"),
        write(r#"{"data": {}, "ts": 1e300}"#).is(422, INVALID, "ts"),
        write(r#"{"data": {}, "ts": "2027-01-15T11:00:01Z"}"#).is(422, INVALID, "ts"),
        write(r#"{"data": {"rows": [["h"], ["a", 1]], "ts": "soon"}}"#).is(422, INVALID, "data.ts"),
        write(r#"{"data": {}, "user_id": "hunter2hunter2"}"#).is(422, INVALID, "user_id"),
        write(r#"{"data": {}, "tenant": "system"}"#).is(422, INVALID, "tenant"),
        request("POST", "/source/write_raw").body("text/plain", "{}").is(415, INVALID, "Content-Type"),
        post("/source/write_raw?api_key=hunter2hunter2", "{}").is(422, INVALID, "api_key"),
        post("/source/write_raw", r#"{"data": {}}"#).without_key().is(401, "unauthenticated", ""),
        request("GET", "/source/write_raw").is(405, INVALID, ""),
    ]
}

fn batches() -> Vec<Case> {
    let batch = |body: &str| post("/source/write_batch", body.to_owned());
    let lines = |body: String| request("POST", "/source/write_batch").body("application/x-ndjson", body);
    vec![
        batch("{}").is(422, INVALID, "records"),
        batch(r#"{"records": {}}"#).is(422, INVALID, "records"),
        batch(r#"{"records": []}"#).is(422, INVALID, "records"),
        batch(r#"{"records": [{"data": {}}], "name": "a"}"#).is(422, INVALID, "name"),
        lines(String::new()).is(422, INVALID, "records"),
        lines("{\"data\":{}}\n".repeat(10_001)).is(422, INVALID, "records"),
        lines("x".repeat((10 << 20) + 1)).is(413, "too_large", ""),
        request("POST", "/source/write_batch").body("text/csv", "a\n1\n").is(415, INVALID, "Content-Type"),
    ]
}

fn questions() -> Vec<Case> {
    let ask = |body: &str| post("/source/expose", body.to_owned());
    vec![
        ask("{}").is(422, INVALID, "type"),
        ask(r#"{"type": ""}"#).is(422, INVALID, "type"),
        ask(r#"{"type": "24h"}"#).is(422, INVALID, "type"),
        ask(r#"{"type": ["latest"]}"#).is(422, INVALID, "type"),
        ask(r#"{"type": "latest", "name": " "}"#).is(422, INVALID, "name"),
        ask(r#"{"type": "latest", "readings": [1]}"#).is(422, INVALID, "readings.0"),
        ask(r#"{"type": "latest", "from": 1}"#).is(422, INVALID, "from"),
        ask(r#"{"type": "latest"}"#).is(404, "not_found", ""),
        ask(r#"{"type": "7d_average", "name": "nothing"}"#).is(404, "not_found", ""),
    ]
}

fn reads() -> Vec<Case> {
    vec![
        get("/source/series?limit=0").is(422, INVALID, "limit"),
        get("/source/series?cursor=x").is(422, INVALID, "cursor"),
        get("/source/series/nothing").is(404, "not_found", ""),
        get("/source/series/nothing/window").is(404, "not_found", ""),
        get("/source/series/nothing/window?from=x").is(422, INVALID, "from"),
        get("/source/series/nothing/window?to=1e99").is(422, INVALID, "to"),
        get("/source/series/nothing/window?from=2026-01-15&to=2026-01-16").is(422, INVALID, "to"),
        get("/source/series/nothing/window?step=1").is(422, INVALID, "step"),
        get("/source/series/nothing/window?step=-1h").is(422, INVALID, "step"),
        get("/source/series/nothing/window?step=1s").is(422, INVALID, "step"),
        get("/source/series/nothing/window?stats=mode").is(422, INVALID, "stats"),
        get("/source/series/nothing/window?tz=Nowhere").is(422, INVALID, "tz"),
        get("/source/series/nothing/records?format=xml").is(422, INVALID, "format"),
        get("/source/series/nothing/records?limit=1001").is(422, INVALID, "limit"),
        get("/source/series/nothing/records").is(404, "not_found", ""),
        get("/source/events?limit=1001").is(422, INVALID, "limit"),
        get("/source/events?from=5&to=4").is(422, INVALID, "to"),
    ]
}
