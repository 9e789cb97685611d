//! Datasets: what is fetched, made, read and imported.

use super::case::{Case, get, post, request};

const INVALID: &str = "validation_error";

pub(crate) fn cases() -> Vec<Case> {
    [fetches(), datasets(), addresses(), reads(), imports()].into_iter().flatten().collect()
}

fn fetches() -> Vec<Case> {
    let fetch = |body: &str| post("/fetch-data", body.to_owned());
    vec![
        fetch(r#"{"calls": 0}"#).is(422, INVALID, "calls"),
        fetch(r#"{"calls": -1}"#).is(422, INVALID, "calls"),
        fetch(r#"{"calls": 100001}"#).is(422, INVALID, "calls"),
        fetch(r#"{"calls": "20"}"#).is(422, INVALID, "calls"),
        fetch(r#"{"calls": 2.5}"#).is(422, INVALID, "calls"),
        fetch(r#"{"size": 0}"#).is(422, INVALID, "size"),
        fetch(r#"{"size": -1}"#).is(422, INVALID, "size"),
        fetch(r#"{"size": {"min": 5, "max": 4}}"#).is(422, INVALID, "size"),
        fetch(r#"{"size": {"min": 5}}"#).is(422, INVALID, "size"),
        fetch(r#"{"size": "many"}"#).is(422, INVALID, "size"),
        fetch(r#"{"pages": 1}"#).is(422, INVALID, "pages"),
        fetch("[]").is(422, INVALID, "body"),
        request("POST", "/fetch-data").body("text/plain", "{}").is(415, INVALID, "Content-Type"),
        post("/fetch-data?calls=1", "{}").is(422, INVALID, "calls"),
        post("/api/v1/datasets/nothing/fetch", "{}").is(404, "not_found", ""),
        post("/api/v1/datasets/cities/fetch", "{}").is(409, "conflict", ""),
        post("/api/v1/datasets/UPPER/fetch", "{}").is(422, INVALID, "name"),
    ]
}

fn datasets() -> Vec<Case> {
    let make = |body: &str| post("/api/v1/datasets", body.to_owned());
    let source = |source: &str| make(&format!(r#"{{"name": "wrong", "key": "id", "source": {source}}}"#));
    let url = r#""url": "https://example.com/""#;
    let change = |body: &'static str| request("PATCH", "/api/v1/datasets/cities").body("application/json", body);
    let long = format!(r#"{{"name": "{}", "key": "id"}}"#, "a".repeat(64));
    vec![
        make("{}").is(422, INVALID, "name"),
        make(r#"{"name": "wrong"}"#).is(422, INVALID, "key"),
        make(r#"{"name": "wrong", "source": {"url": "https://example.com/"}}"#).is(422, INVALID, "key"),
        make(r#"{"name": "wrong", "source": {"url": "dynamodb:///orders"}}"#).is(422, INVALID, "source.url"),
        source(r#"{"url": "dynamodb:///orders"}"#).is(422, INVALID, "source.url"),
        source(r#"{"url": "dynamodb:orders"}"#).is(422, INVALID, "source.url"),
        source(r#"{"url": "dynamodb:///orders", "params": {"a": "b"}}"#).is(422, INVALID, "source.params"),
        make(r#"{"name": "Wrong", "key": "id"}"#).is(422, INVALID, "name"),
        make(r#"{"name": "", "key": "id"}"#).is(422, INVALID, "name"),
        make(r#"{"name": "a b", "key": "id"}"#).is(422, INVALID, "name"),
        make(r#"{"name": "../x", "key": "id"}"#).is(422, INVALID, "name"),
        make(&long).is(422, INVALID, "name"),
        make(r#"{"name": 7, "key": "id"}"#).is(422, INVALID, "name"),
        make(r#"{"name": "wrong", "key": ""}"#).is(422, INVALID, "key"),
        make(r#"{"name": "wrong", "key": []}"#).is(422, INVALID, "key"),
        make(r#"{"name": "wrong", "key": ["$row", "id"]}"#).is(422, INVALID, "key"),
        make(r#"{"name": "wrong", "key": ["id", "id"]}"#).is(422, INVALID, "key"),
        make(r#"{"name": "wrong", "key": 7}"#).is(422, INVALID, "key"),
        make(r#"{"name": "wrong", "key": "id", "sort": "a..b"}"#).is(422, INVALID, "sort"),
        make(r#"{"name": "wrong", "key": "id", "redact": ["id"]}"#).is(422, INVALID, "redact"),
        make(r#"{"name": "wrong", "key": "id", "redact": "id"}"#).is(422, INVALID, "redact"),
        make(r#"{"name": "wrong", "key": "id", "public": "yes"}"#).is(422, INVALID, "public"),
        make(r#"{"name": "wrong", "key": "id", "count": 7}"#).is(422, INVALID, "count"),
        make(r#"{"name": "wrong", "key": "id", "tenant": "system"}"#).is(422, INVALID, "tenant"),
        make(r#"{"name": "cities", "key": "id"}"#).is(409, "conflict", ""),
        make(r#"{"name": "users", "key": "id"}"#).is(409, "conflict", ""),
        source("{}").is(422, INVALID, "source.url"),
        source(&format!(r#"{{{url}, "method": "DELETE"}}"#)).is(422, INVALID, "source.method"),
        source(&format!(r#"{{{url}, "rate": 0}}"#)).is(422, INVALID, "source.rate"),
        source(&format!(r#"{{{url}, "rate": 60001}}"#)).is(422, INVALID, "source.rate"),
        source(&format!(r#"{{{url}, "concurrency": 17}}"#)).is(422, INVALID, "source.concurrency"),
        source(&format!(r#"{{{url}, "headers": {{"Authorization": "hunter2hunter2"}}}}"#)).is(
            422,
            INVALID,
            "source.headers",
        ),
        source(&format!(r#"{{{url}, "headers": {{"Host": "other"}}}}"#)).is(422, INVALID, "source.headers"),
        source(&format!(r#"{{{url}, "auth": {{"kind": "bearer", "secret": "unknown"}}}}"#)).is(
            422,
            INVALID,
            "source.auth.secret",
        ),
        source(&format!(r#"{{{url}, "schedule": "every 29s"}}"#)).is(422, INVALID, "source.schedule"),
        source(&format!(r#"{{{url}, "proxy": "http://x"}}"#)).is(422, INVALID, "source.proxy"),
        change(r#"{"key": "other"}"#).is(422, INVALID, "key"),
        change(r#"{"name": "other"}"#).is(422, INVALID, "name"),
        change(r#"{"public": 1}"#).is(422, INVALID, "public"),
        change("{}").header("if-match", "\"other\"").is(412, "precondition_failed", ""),
        request("DELETE", "/api/v1/datasets/nothing").is(404, "not_found", ""),
    ]
}

/// A source may lead to public hosts only, whatever way the address is spelt.
fn addresses() -> Vec<Case> {
    let urls = [
        "",
        "not a url",
        "file:///etc/passwd",
        "ftp://example.com/",
        "gopher://example.com/",
        "http://127.0.0.1/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://localhost/",
        "https://localhost./",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fd00::1]/",
        "https://0.0.0.0/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.0.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://metadata.google.internal/",
        "https://user:hunter2hunter2@example.com/",
        "https://example.com:6379/",
    ];
    let make =
        |url| post("/api/v1/datasets", format!(r#"{{"name": "inside", "key": "id", "source": {{"url": "{url}"}}}}"#));
    urls.into_iter().map(|url| make(url).is(422, INVALID, "source.url")).collect()
}

fn reads() -> Vec<Case> {
    vec![
        get("/api/v1/datasets/nothing").is(404, "not_found", ""),
        get("/api/v1/datasets/nothing/records").is(404, "not_found", ""),
        get("/api/v1/datasets/nothing/export").is(404, "not_found", ""),
        get("/api/v1/datasets/nothing/status").is(404, "not_found", ""),
        get("/api/v1/datasets/cities/records/nothing").is(404, "not_found", ""),
        get("/api/v1/datasets/cities/records?limit=0").is(422, INVALID, "limit"),
        get("/api/v1/datasets/cities/records?offset=10001").is(422, INVALID, "offset"),
        get("/api/v1/datasets/cities/records?cursor=x").is(422, INVALID, "cursor"),
        get("/api/v1/datasets/cities/records?filter=x").is(422, INVALID, "filter"),
        get("/api/v1/datasets/cities/records?prefix=a&prefix=b").is(400, INVALID, "prefix"),
        get("/api/v1/datasets/cities/export?format=xml").is(422, INVALID, "format"),
        get("/view-data?format=csv").is(422, INVALID, "format"),
        get("/view-data?limit=1001").is(422, INVALID, "limit"),
        get("/view-data?cursor=AAAA").is(422, INVALID, "cursor"),
        get("/status?dataset=users").is(422, INVALID, "dataset"),
    ]
}

fn imports() -> Vec<Case> {
    let at = "/api/v1/datasets/cities/import";
    let csv = |path: &str, file: &'static str| request("POST", path.to_owned()).body("text/csv", file);
    vec![
        request("POST", at).is(415, INVALID, "Content-Type"),
        request("POST", at).body("application/json", "{}").is(415, INVALID, "Content-Type"),
        csv("/api/v1/datasets/nothing/import", "id\n1\n").is(404, "not_found", ""),
        csv(at, "").is(422, INVALID, "body"),
        csv(at, "id,id\n1,2\n").is(422, INVALID, "body"),
        csv(&format!("{at}?types=id"), "id\n1\n").is(422, INVALID, "types"),
        csv(&format!("{at}?types=id:date"), "id\n1\n").is(422, INVALID, "types"),
        csv(&format!("{at}?types=other:integer"), "id\n1\n").is(422, INVALID, "types"),
        csv(&format!("{at}?first_row=x"), "id\n1\n").is(422, INVALID, "first_row"),
        csv(&format!("{at}?delimiter=;"), "id\n1\n").is(422, INVALID, "delimiter"),
        csv(at, "id\n1\n").header("content-encoding", "br").is(415, INVALID, "Content-Encoding"),
    ]
}
