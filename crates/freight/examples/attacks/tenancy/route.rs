//! The operations that the served OpenAPI document lists, and how to ask for each.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

/// Somebody who is nobody's.
const EMAIL: &str = "jane@example.com";
const PASSWORD: &str = "correct horse battery";

/// One operation.
pub(crate) struct Route {
    pub(crate) method: Method,
    /// The path with its parameters in braces.
    pub(crate) path: String,
    /// The segments before the parameters: what their ids are ids of.
    pub(crate) kinds: Vec<String>,
    /// A good body, with its media type; `None` where there is none.
    pub(crate) body: Option<(&'static str, Bytes)>,
    /// Why it cannot be asked for here.
    pub(crate) uncovered: Option<String>,
    /// Whether its answer has no end.
    pub(crate) streams: bool,
    /// Whether nobody is asked for a key there.
    pub(crate) open: bool,
}

impl Route {
    /// All of them: first what reads, last what deletes; what names nothing after what does.
    pub(crate) fn all(document: &Value) -> Vec<Self> {
        let mut routes = Vec::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                if let Ok(method) = method.to_uppercase().parse::<Method>()
                    && [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(&method)
                {
                    routes.push(Self::new(path, method, operation));
                }
            }
        }
        let order = ["GET", "POST", "PUT", "PATCH", "DELETE"];
        routes.sort_by_key(|route| {
            (route.kinds.is_empty(), order.iter().position(|name| *name == route.method.as_str()))
        });
        routes
    }

    fn new(path: &str, method: Method, operation: &Value) -> Self {
        let segments: Vec<&str> = path.split('/').collect();
        let kinds =
            segments.windows(2).filter(|pair| pair[1].starts_with('{')).map(|pair| pair[0].to_owned()).collect();
        let body = body(&operation["requestBody"]["content"]);
        let streams = operation["responses"]["200"]["content"].get("text/event-stream").is_some();
        let (body, uncovered) = match body {
            Ok(body) => (body, None),
            Err(schema) => (None, Some(format!("no body of schema {schema} is known"))),
        };
        let open = operation["security"].as_array().is_some_and(|any| any.is_empty() || any.contains(&json!({})));
        Self { method, path: path.to_owned(), kinds, body, uncovered, streams, open }
    }

    /// The path with these ids.
    pub(crate) fn with(&self, ids: &[&str]) -> String {
        let mut ids = ids.iter();
        let segment = |segment: &str| {
            if segment.starts_with('{') { (*ids.next().unwrap()).to_owned() } else { segment.to_owned() }
        };
        self.path.split('/').map(segment).collect::<Vec<_>>().join("/")
    }

    pub(crate) fn named(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// A good body for what the document says of it; the name of the schema when none is known.
fn body(content: &Value) -> Result<Option<(&'static str, Bytes)>, String> {
    let Some(content) = content.as_object() else { return Ok(None) };
    let Some(json) = content.get("application/json") else {
        return Ok(Some(("application/x-ndjson", Bytes::from_static(b"{\"id\":\"one\"}\n"))));
    };
    let schema = &json["schema"];
    let named =
        |schema: &Value| schema["$ref"].as_str().map(|name| name.rsplit('/').next().unwrap_or_default().to_owned());
    let parts = schema["oneOf"].as_array().into_iter().flatten();
    let name = named(schema).or_else(|| parts.filter_map(named).next()).unwrap_or_else(|| schema.to_string());
    let body = match name.as_str() {
        "Batch" => json!({ "records": [{ "data": { "temp": 1 } }] }),
        "CartCombine" => json!({ "with": "default", "op": "union" }),
        "CartCreate" | "CartRename" => json!({ "cart_name": "fresh" }),
        "CartItemsCreate" => json!({ "entity_type": "things", "entity_id": "fresh" }),
        "CartQuery" => json!({ "entity_type": "users", "filters": {} }),
        "CodeAsk" => json!({ "email": EMAIL }),
        "ConfirmAsk" => json!({ "email": EMAIL, "code": "123456" }),
        "DatasetCreate" => json!({ "name": "fresh", "key": "id" }),
        "DatasetPatch" => json!({ "public": true }),
        "DeadLetterMend" => json!({ "payload": { "call": 0, "size": 3 } }),
        "DeadLettersRedrive" | "JobRetry" | "KeyRotate" => json!({}),
        "Expose" => json!({ "type": "latest" }),
        "FetchCreate" => json!({ "calls": 1 }),
        "KeyCreate" => json!({ "name": "fresh", "role": "reader" }),
        "RecordCreate" => json!({ "data": { "temp": 1 } }),
        "RefreshAsk" => json!({ "refresh_token": "nobody's" }),
        "ResetAsk" => json!({ "email": EMAIL, "code": "123456", "password": PASSWORD }),
        "RetryPolicy" => json!({ "kind": "ingest.fetch", "max_attempts": 3 }),
        "SignInAsk" | "SignUpAsk" => json!({ "email": EMAIL, "password": PASSWORD }),
        "TenantChange" => json!({ "name": "taken" }),
        "TenantCreate" => json!({ "name": "fresh", "slug": "fresh" }),
        _ => return Err(name),
    };
    Ok(Some(("application/json", Bytes::from(body.to_string()))))
}
