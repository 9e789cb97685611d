//! The contract of this service over HTTP, as cases that any server must pass.
//!
//! [`cases`] runs them one after the other against a server that was just started. They run here on
//! memory, and from `freight/tests/it/source.rs` on every backend. No case waits for a roller: what is
//! answered may not depend on it.
//!
//! - [`seed`]: the two routes of the seed. [`access`]: who may do what, and who did.
//! - [`batches`]: many records at once. [`reads`]: series, windows and records.

#![expect(clippy::expect_used, reason = "a case ends by panicking")]

mod access;
mod batches;
mod reads;
mod seed;

use serde_json::Value;
use testkit::{Answer, Client};

/// Who calls.
pub struct Callers {
    /// Has every scope of a tenant.
    pub admin: Client,
    /// Of the same tenant, and has `source:write` alone.
    pub writer: Client,
    /// Of the same tenant, and has `source:read` alone.
    pub reader: Client,
    /// Of another tenant, and has every scope of it.
    pub stranger: Client,
}

/// Runs every case.
pub async fn cases(callers: &Callers) {
    seed::cases(callers).await;
    batches::cases(callers).await;
    reads::cases(callers).await;
    access::cases(callers).await;
}

/// Runs the case of the largest batch. It is apart, since an emulator that goes through a whole
/// partition for each page of it takes minutes for ten thousand records.
pub async fn largest(callers: &Callers) {
    batches::ten_thousand_are_the_most(callers).await;
}

/// The first field that a refusal names.
#[track_caller]
fn field(answer: &Answer) -> String {
    let body = answer.json();
    assert_eq!(body["data"], serde_json::json!({}), "{body}");
    assert_eq!(body["description"], body["message"], "{body}");
    body["details"][0]["field"].as_str().expect("a field").to_owned()
}

/// The one value of an object.
#[track_caller]
fn only(value: &Value) -> &Value {
    let members = value.as_object().expect("an object");
    assert_eq!(members.len(), 1, "{value}");
    members.values().next().expect("a member")
}
