//! The contract of this service over HTTP, as cases that any server must pass.
//!
//! [`cases`] runs them one after the other against a server that was just started and asks the sandbox about
//! markets. They run here on memory, and from `freight/tests/it/tokens.rs` on every backend.
//!
//! - [`charts`]: what a chart says. [`freshness`]: how old it is. [`refusals`]: what is answered otherwise.

#![expect(clippy::expect_used, clippy::panic, reason = "a case ends by panicking")]

mod charts;
mod freshness;
mod refusals;

use serde_json::Value;
use testkit::{Answer, Client};

/// Who calls.
pub struct Callers {
    /// Has `tokens:read`.
    pub reader: Client,
    /// Has every scope of another tenant.
    pub stranger: Client,
    /// Has no `tokens:read`.
    pub other: Client,
    /// Has no credential.
    pub nobody: Client,
    /// The sandbox that is asked about markets.
    pub sandbox: Client,
}

/// Runs every case.
pub async fn cases(callers: &Callers) {
    charts::cases(callers).await;
    freshness::cases(callers).await;
    refusals::cases(callers).await;
}

/// The path of a chart; each number is another token.
fn chart(chain: &str, token: u32, frequency: &str) -> String {
    format!("/v1/chart/{chain}/0x{token:036x}1111?frequency={frequency}")
}

#[track_caller]
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

#[track_caller]
fn header(answer: &Answer, name: &str) -> String {
    answer.header(name).unwrap_or_else(|| panic!("no {name}")).to_owned()
}
