//! What was asked and what was answered, without what no two runs share.
//!
//! Ids keep their identity: each is replaced by a number, the same wherever it stands. Instants,
//! durations, secrets, cursors and stamps are replaced by words, so that it still shows that they are
//! there.

use std::collections::HashMap;
use std::net::SocketAddr;

use http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use testkit::{Answer, Client};
use uuid::Uuid;

/// Fields whose values are measured, or drawn.
const MEASURED: [&str; 11] = [
    "duration",
    "timestamp",
    "rate",
    "eta",
    "avg_duration_minutes",
    "response_time_ms",
    "as_of",
    "request_id",
    "next",
    "running",
    "vitals",
];
/// Fields that are secrets or begin like one.
const SECRET: [&str; 4] = ["key", "prefix", "access_token", "refresh_token"];
/// How our keys and tokens begin.
const SECRET_STARTS: [&str; 3] = ["frt_", "frr_", "ey"];
/// Headers that are part of an answer.
const HEADERS: [&str; 9] = [
    "content-type",
    "location",
    "allow",
    "link",
    "preference-applied",
    "cache-status",
    "retry-after",
    "www-authenticate",
    "ratelimit-policy",
];
/// The length of a UUID with its hyphens, and of the ids of a log line, of a process and of a key.
const UUID_CHARS: usize = 36;
const LINE_CHARS: usize = 24;
const PROCESS_CHARS: usize = 32;
const KEY_CHARS: usize = 12;

/// Everything that happened to one server.
pub(crate) struct Transcript {
    client: Client,
    sandbox: String,
    ids: HashMap<String, usize>,
    pub(crate) entries: Vec<Value>,
}

impl Transcript {
    pub(crate) fn new(client: Client, sandbox: SocketAddr) -> Self {
        Self { client, sandbox: sandbox.to_string(), ids: HashMap::new(), entries: Vec::new() }
    }

    /// Who tells the story now.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// The same story, told by another caller from here on; returns who told it before.
    pub(crate) fn told_by(&mut self, client: Client) -> Client {
        std::mem::replace(&mut self.client, client)
    }

    pub(crate) async fn get(&mut self, path: &str) -> Value {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: Value) -> Value {
        self.send(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn send(&mut self, method: Method, path: &str, body: Option<Value>) -> Value {
        let answer = self.client.send(method.clone(), path, body.as_ref()).await;
        self.note(&method, path, &answer);
        serde_json::from_slice(&answer.bytes).unwrap_or(Value::Null)
    }

    /// Sends a text of another media type.
    pub(crate) async fn send_text(&mut self, path: &str, media: &str, text: &str) {
        let body = Some((media, text.to_owned().into()));
        let answer = self.client.send_bytes(Method::POST, path, body).await;
        self.note(&Method::POST, path, &answer);
    }

    fn note(&mut self, method: &Method, path: &str, answer: &Answer) {
        let body = match serde_json::from_slice(&answer.bytes) {
            Ok(value) if answer.status == StatusCode::ACCEPTED => self.value(open(value)),
            Ok(value) if answer.status == StatusCode::OK && path.starts_with("/v1/chart/") => moving(value),
            Ok(value) => self.value(value),
            Err(_) => Value::from(answer.text().lines().map(|line| self.line(line)).collect::<Vec<_>>()),
        };
        let mut headers = Map::new();
        for name in HEADERS {
            if let Some(value) = answer.header(name) {
                headers.insert(name.to_owned(), self.header(name, value).into());
            }
        }
        let asked = format!("{method} {}", self.text(path));
        self.entries.push(json!({
            "asked": asked,
            "status": answer.status.as_u16(),
            "headers": headers,
            "tagged": answer.header("etag").is_some(),
            "body": body,
        }));
    }

    fn header(&mut self, name: &str, value: &str) -> String {
        match name {
            "retry-after" => "<measured>".to_owned(),
            // Where it was kept hangs on how long a Redis took to answer.
            "cache-status" if value.contains("; hit") || value.ends_with("detail=stored") => "<kept>".to_owned(),
            _ => self.text(value),
        }
    }

    /// A line of a body that is no JSON as a whole: NDJSON, or a table.
    fn line(&mut self, line: &str) -> Value {
        match serde_json::from_str(line) {
            Ok(value) => self.value(value),
            Err(_) => line.split(',').map(|cell| self.text(cell)).collect::<Vec<_>>().join(",").into(),
        }
    }

    fn value(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) => self.text(&text).into(),
            Value::Array(values) => values.into_iter().map(|value| self.value(value)).collect(),
            Value::Object(fields) => fields.into_iter().map(|(name, value)| self.field(name, value)).collect(),
            plain => plain,
        }
    }

    fn field(&mut self, name: String, value: Value) -> (String, Value) {
        let there = !value.is_null();
        let value = match name.as_str() {
            measured if MEASURED.contains(&measured) && there => "<measured>".into(),
            secret if SECRET.contains(&secret) && value.as_str().is_some_and(begins_secret) => "<secret>".into(),
            _ => self.value(value),
        };
        (name, value)
    }

    fn text(&mut self, text: &str) -> String {
        if let Some((before, word)) = text.rsplit_once(' ').or(Some(("", text)))
            && word.parse::<Timestamp>().is_ok()
        {
            return format!("{before}<instant>");
        }
        let text = match text.split_once("cursor=") {
            Some((before, after)) => {
                let rest = after.find(['&', '>']).map_or("", |end| &after[end..]);
                format!("{before}cursor=<cursor>{rest}")
            }
            None => text.replace(&self.sandbox, "<sandbox>"),
        };
        if matches!(text.len(), LINE_CHARS | PROCESS_CHARS) && text.bytes().all(|c| c.is_ascii_hexdigit()) {
            return self.number(&text);
        }
        self.without_ids(&text)
    }

    fn without_ids(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let word = if out.ends_with(|c: char| c.is_ascii_alphanumeric()) { None } else { key_id(rest) };
            match rest.get(..UUID_CHARS).filter(|id| Uuid::try_parse(id).is_ok()).or(word) {
                Some(id) => {
                    out.push_str(&self.number(id));
                    rest = &rest[id.len()..];
                }
                None => {
                    out.push(c);
                    rest = &rest[c.len_utf8()..];
                }
            }
        }
        out
    }

    fn number(&mut self, id: &str) -> String {
        let next = self.ids.len() + 1;
        format!("<id {}>", self.ids.entry(id.to_owned()).or_insert(next))
    }
}

fn begins_secret(text: &str) -> bool {
    SECRET_STARTS.iter().any(|start| text.starts_with(start))
}

/// A chart with its figures, which move with the time, replaced by a word.
fn moving(chart: Value) -> Value {
    match chart {
        Value::Number(_) | Value::Array(_) => "<measured>".into(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, moving(value))).collect(),
        plain => plain,
    }
}

/// The word that a text begins with, if it may be the id of a key: drawn letters and digits.
fn key_id(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let drawn = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    Some(&text[..end]).filter(|word| word.len() == KEY_CHARS && word.contains(drawn))
}

/// A job that was accepted may run already or not: that is the clock's doing, not the store's.
fn open(mut job: Value) -> Value {
    if matches!(job["status"].as_str(), Some("pending" | "running")) {
        job["status"] = "<open>".into();
    }
    job
}
