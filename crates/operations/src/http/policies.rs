//! How failures are retried.

use axum::extract::State;
use jobs::{Backoff, Policy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::scope::{JobsRead, JobsWrite};
use web::{Answer, Body, Caller, Json};

use super::Api;
use super::items::Items;

/// How failures of one kind of work are retried: with full jitter under a growing delay.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RetryPolicy, example = json!({
    "kind": "ingest.fetch", "max_attempts": 5, "backoff": "exponential", "initial_delay_s": 2,
    "max_delay_s": 3600
}))]
pub(super) struct PolicyView {
    /// Of which work.
    kind: String,
    /// After so many failed attempts it is a dead letter.
    #[serde(default = "max_attempts")]
    #[schema(minimum = 1, maximum = 20, default = 5)]
    max_attempts: u32,
    /// How the delay grows.
    #[serde(default)]
    backoff: BackoffName,
    /// The delay after the first failure, in seconds.
    #[serde(default = "initial_delay_s")]
    #[schema(minimum = 0, maximum = 86400, default = 2)]
    initial_delay_s: u32,
    /// The largest delay, in seconds.
    #[serde(default = "max_delay_s")]
    #[schema(minimum = 0, maximum = 86400, default = 3600)]
    max_delay_s: u32,
}

fn max_attempts() -> u32 {
    Policy::default().max_attempts
}

fn initial_delay_s() -> u32 {
    Policy::default().initial_delay_s
}

fn max_delay_s() -> u32 {
    Policy::default().max_delay_s
}

/// How a delay grows from attempt to attempt.
#[derive(Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Backoff)]
enum BackoffName {
    /// It doubles.
    #[default]
    Exponential,
    /// It grows by the initial delay.
    Linear,
    /// It stays the same.
    Fixed,
}

/// Lists the retry policies in force, by kind of work.
#[utoipa::path(get, path = "/api/v1/retry-policies", responses((status = 200, body = Items<PolicyView>)))]
pub(super) async fn policy_list(caller: Caller<JobsRead>, State(operations): Api) -> Answer<Json<Items<PolicyView>>> {
    let policies = operations.policy_list(&caller).await?;
    Ok(Json(policies.into_iter().map(|(kind, policy)| PolicyView::of(kind, policy)).collect()))
}

/// Sets the tenant's policy for one kind of work, from the next failure on. What is left out has
/// its default; other kinds keep theirs.
#[utoipa::path(put, path = "/api/v1/retry-policies", request_body = PolicyView,
    responses((status = 200, body = PolicyView)))]
pub(super) async fn policy_put(
    caller: Caller<JobsWrite>,
    State(operations): Api,
    Body(body): Body<PolicyView>,
) -> Answer<Json<PolicyView>> {
    let policy = operations.policy_put(&caller, &body.kind, body.policy()).await?;
    Ok(Json(PolicyView::of(body.kind, policy)))
}

impl PolicyView {
    fn of(kind: String, policy: Policy) -> Self {
        let Policy { max_attempts, backoff, initial_delay_s, max_delay_s } = policy;
        Self { kind, max_attempts, backoff: backoff.into(), initial_delay_s, max_delay_s }
    }

    fn policy(&self) -> Policy {
        Policy {
            max_attempts: self.max_attempts,
            backoff: self.backoff.into(),
            initial_delay_s: self.initial_delay_s,
            max_delay_s: self.max_delay_s,
        }
    }
}

impl From<Backoff> for BackoffName {
    fn from(backoff: Backoff) -> Self {
        match backoff {
            Backoff::Exponential => Self::Exponential,
            Backoff::Linear => Self::Linear,
            Backoff::Fixed => Self::Fixed,
        }
    }
}

impl From<BackoffName> for Backoff {
    fn from(name: BackoffName) -> Self {
        match name {
            BackoffName::Exponential => Self::Exponential,
            BackoffName::Linear => Self::Linear,
            BackoffName::Fixed => Self::Fixed,
        }
    }
}
