//! The OpenAPI document: every endpoint is in it, with a named schema and an example.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::Clock;
use base::clock::SystemClock;
use base::memory::{MemoryQueue, MemoryStore};
use operations::contract::Stage;
use serde_json::Value;

fn document() -> Value {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let stage =
        Stage::over(Arc::new(MemoryStore::new(clock.clone())), Arc::new(MemoryQueue::new(clock.clone())), clock);
    serde_json::to_value(stage.app.document()).unwrap()
}

fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| {
        let ours = item.as_object().unwrap().iter();
        let ours = ours.filter(|(_, operation)| operation["tags"][0] == "operations");
        ours.map(move |(method, operation)| (format!("{method} {path}"), operation))
    })
}

#[test]
fn every_endpoint_is_documented() {
    let document = document();
    let found: BTreeSet<String> = operations(&document).map(|(name, _)| name).collect();
    let expected = [
        "get /api/v1/jobs",
        "get /api/v1/jobs/{id}",
        "delete /api/v1/jobs/{id}",
        "get /api/v1/jobs/{id}/batches",
        "get /api/v1/jobs/{id}/logs",
        "get /api/v1/jobs/{id}/events",
        "post /api/v1/jobs/{id}/pause",
        "post /api/v1/jobs/{id}/resume",
        "post /api/v1/jobs/{id}/cancel",
        "post /api/v1/jobs/{id}/retry",
        "get /api/v1/dead-letters",
        "get /api/v1/dead-letters/{id}",
        "patch /api/v1/dead-letters/{id}",
        "delete /api/v1/dead-letters/{id}",
        "post /api/v1/dead-letters/{id}/redrive",
        "post /api/v1/dead-letters/redrive",
        "get /api/v1/journal",
        "get /api/v1/journal/tail",
        "get /api/v1/stats",
        "get /api/v1/queues",
        "get /api/v1/workers",
        "get /api/v1/retry-policies",
        "put /api/v1/retry-policies",
        "get /api/v1/schedules",
        "post /api/v1/schedules/{id}/run",
        "post /api/v1/schedules/{id}/pause",
        "post /api/v1/schedules/{id}/resume",
    ];
    assert_eq!(found, expected.map(str::to_owned).into());
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut count = 0;
    references(&document, &mut |reference| {
        count += 1;
        let pointer = reference.strip_prefix('#').expect("a reference into the document");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    });
    assert!(count > 20, "{count} references");
}

fn references(value: &Value, check: &mut impl FnMut(&str)) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                check(reference);
            }
            members.values().for_each(|value| references(value, check));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, check)),
        _ => {}
    }
}

#[test]
fn every_answer_has_a_named_schema() {
    let document = document();
    for (name, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            if !status.starts_with('2') || status == "204" {
                continue;
            }
            let content = response["content"].as_object().expect(&name);
            let media = content.get("application/json").or_else(|| content.get("text/event-stream"));
            let schema = &media.expect(&name)["schema"];
            assert!(schema["$ref"].is_string(), "{name} {status}: {schema}");
        }
    }
}
