//! One row of the table, and how it is judged.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use testkit::Client;

/// A request, and what is to be said about it.
pub(crate) struct Case {
    method: Method,
    path: String,
    key: Key,
    headers: Vec<(&'static str, String)>,
    body: Option<(&'static str, Bytes)>,
    status: u16,
    code: &'static str,
    field: &'static str,
}

enum Key {
    Admin,
    None,
    Own(String),
}

/// Text that stands for a secret: it may not come back.
pub(crate) const SECRET: &str = "hunter2hunter2";

pub(crate) fn get(path: impl Into<String>) -> Case {
    request("GET", path)
}

pub(crate) fn request(method: &str, path: impl Into<String>) -> Case {
    Case {
        method: method.parse().unwrap(),
        path: path.into(),
        key: Key::Admin,
        headers: Vec::new(),
        body: None,
        status: 0,
        code: "",
        field: "",
    }
}

pub(crate) fn post(path: impl Into<String>, body: impl Into<Bytes>) -> Case {
    request("POST", path).body("application/json", body)
}

impl Case {
    pub(crate) fn body(mut self, media: &'static str, body: impl Into<Bytes>) -> Self {
        self.body = Some((media, body.into()));
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn without_key(mut self) -> Self {
        self.key = Key::None;
        self
    }

    pub(crate) fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Key::Own(key.into());
        self
    }

    /// The answer: its status, its code, and the first field it names (none: empty).
    pub(crate) fn is(self, status: u16, code: &'static str, field: &'static str) -> Self {
        Self { status, code, field, ..self }
    }

    /// Sends it; what was wrong with the answer, if anything was.
    pub(crate) async fn run(&self, client: &Client, admin: &str) -> Option<String> {
        let mut caller = match &self.key {
            Key::Admin => client.with_key(admin),
            Key::Own(key) => client.with_key(key),
            Key::None => client.clone(),
        };
        for (name, value) in &self.headers {
            caller = caller.with_header(name, value);
        }
        let body = self.body.as_ref().map(|(media, bytes)| (*media, bytes.clone()));
        let answer = caller.send_bytes(self.method.clone(), &self.path, body).await;
        let problem: Value = serde_json::from_slice(&answer.bytes).unwrap_or_default();
        let field = problem["details"][0]["field"].as_str().unwrap_or_default();
        let said = (answer.status.as_u16(), problem["error"].as_str().unwrap_or_default(), field);
        let whole = ["type", "title", "status", "detail", "instance", "message", "request_id", "timestamp"];
        let missing: Vec<_> = whole.iter().filter(|member| problem[**member].is_null()).collect();
        let media = answer.header("content-type").unwrap_or_default();
        let text = problem.to_string();
        let fault = if said != (self.status, self.code, self.field) {
            format!("said {said:?}: {}", problem["message"])
        } else if media != "application/problem+json" || !missing.is_empty() {
            format!("is no whole problem: {media}, without {missing:?}")
        } else if text.contains(SECRET) {
            "repeats a secret".to_owned()
        } else {
            return None;
        };
        let body = self.body.as_ref().map(|(_, bytes)| String::from_utf8_lossy(&bytes[..bytes.len().min(80)]));
        let want = (self.status, self.code, self.field);
        let path = &self.path[..self.path.len().min(80)];
        Some(format!("{} {path} {:?} {}: want {want:?}, {fault}", self.method, self.headers, body.unwrap_or_default()))
    }
}

/// What the rows refer to.
pub(crate) async fn prepare(admin: &Client) {
    let dataset = json!({ "name": "cities", "key": "id", "sort": "name" });
    assert_eq!(admin.post("/api/v1/datasets", &dataset).await.status, 201);
}
