//! What is asked of the backends stays within its bounds, whatever is asked of the server.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::clock::SystemClock;
use freight::compose::{Settings, compose};
use freight::ground::Ground;
use measures::{Count, Measure};
use serde_json::Value;

#[path = "../../examples/costs/measures/mod.rs"]
mod measures;

/// Operations that have no measure, each with the reason.
const EXEMPT: [(&str, &str); 8] = [
    ("GET /api/v1/jobs/{id}/events", "goes on for minutes, and asks as long as it does"),
    ("GET /api/v1/journal/tail", "goes on for minutes, and asks as long as it does"),
    ("GET /health", "asks each backend once whether it is there"),
    ("GET /livez", "asks nobody"),
    ("GET /metrics", "is rendered from what the process counts"),
    ("GET /readyz", "asks store and queue once whether they are there"),
    ("POST /api/v1/backup", "reads the file beneath the store, and is 501 on any other store"),
    ("POST /api/v1/check", "reads the file beneath the store, and is 501 on any other store"),
];

/// Counts are divided by how many they are of; what differs by less is the same.
const SAME: f64 = 1e-9;

#[tokio::test]
async fn whatever_is_asked_keeps_its_bounds() {
    let measures = measures::all().await;
    let mut wrong: Vec<String> = measures.iter().filter(|measure| is_off(measure)).map(told).collect();
    let measured: BTreeSet<&str> = measures.iter().filter_map(|measure| measure.operation).collect();
    let exempt: BTreeSet<&str> = EXEMPT.iter().map(|(operation, _)| *operation).collect();
    let operations = operations().await;
    for operation in &operations {
        match (measured.contains(operation.as_str()), exempt.contains(operation.as_str())) {
            (true, false) | (false, true) => {}
            (true, true) => wrong.push(format!("{operation} is measured, and exempt")),
            (false, false) => wrong.push(format!("{operation} is neither measured nor exempt")),
        }
    }
    let gone = measured.union(&exempt).filter(|operation| !operations.contains(**operation));
    wrong.extend(gone.map(|operation| format!("{operation} is no operation of the document")));
    assert!(wrong.is_empty(), "{} are wrong, asked / at most:\n{}", wrong.len(), wrong.join("\n"));
}

/// Every operation that the server documents, as method and path.
async fn operations() -> BTreeSet<String> {
    let server = compose(&Ground::memory(Arc::new(SystemClock::new())), Settings::default()).await.unwrap();
    let document: Value = serde_json::from_str(&web::openapi(&server.app)).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, item): (&String, &Value)| {
        let named = item.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase()));
        named.collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

fn is_off(measure: &Measure) -> bool {
    measure.counts().iter().any(is_other)
}

/// Also what asks for less than its bound is told: a bound that is not reached holds nothing.
fn is_other(Count { asked, most, .. }: &Count) -> bool {
    (asked - most).abs() > SAME
}

/// Everything that was counted, with what is wrong marked.
fn told(measure: &Measure) -> String {
    let count = |count: &Count| {
        let mark = if is_other(count) { "!" } else { "" };
        format!("{mark}{} {} / {}", count.of, count.asked, count.most)
    };
    let counts = measure.counts().each_ref().map(count);
    format!("{} ({}): {}", measure.name, measure.what, counts.join(", "))
}
