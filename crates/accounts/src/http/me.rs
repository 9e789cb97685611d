//! Who am I?

use axum::extract::State;
use base::limiter::{Policy, Standing};
use base::{Scope, TenantId};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use web::scope::AnyScope;
use web::{Answer, Caller, Json};

use super::Api;
use super::identity::Shown;
use super::keys::EnvironmentName;
use crate::identity::Person;
use crate::model::{ApiKey, Tenant};

/// Who is calling, and what they may do.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    tenant: MyTenant,
    /// As whom you act; it stays through rotations of the key.
    #[schema(example = "key:0AZ3ftkGrC7y")]
    principal: String,
    key: Option<MyKey>,
    user: Option<MyUser>,
    /// What you may do.
    #[schema(example = json!(["ingest:read", "jobs:read"]))]
    scopes: Vec<&'static str>,
    /// The limits that this request was counted under.
    limits: Vec<Limit>,
}

/// Whose data your requests are about.
#[derive(Serialize, ToSchema)]
struct MyTenant {
    #[schema(value_type = String)]
    id: TenantId,
    slug: String,
    name: String,
}

/// The key you called with.
#[derive(Serialize, ToSchema)]
struct MyKey {
    id: String,
    name: String,
    environment: EnvironmentName,
    /// From when on it is refused; null = never.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// As whom you signed in here.
#[derive(Serialize, ToSchema)]
struct MyUser {
    id: String,
    email: Option<String>,
}

/// One limit, and what is left of it.
#[derive(Serialize, ToSchema)]
struct Limit {
    policy: String,
    /// So many requests…
    limit: u32,
    /// …in any so many seconds.
    window_s: u64,
    /// How many are left now.
    remaining: u32,
    /// In how many seconds some are given back.
    reset_s: u64,
}

/// Who you are, what you may do, and what is left of your limits.
#[utoipa::path(get, path = "/api/v1/me", responses((status = 200, body = Me)))]
pub(super) async fn me(caller: Caller<AnyScope>, State(api): State<Api>) -> Answer<Json<Me>> {
    let tenant = api.accounts.tenant_lately(caller.tenant.as_str()).await?;
    let (key, user) = match caller.credential().map(Shown::of) {
        Some(Shown::Key(text)) => (api.accounts.key_presented(text).await?, None),
        Some(Shown::Token(token)) => (None, api.accounts.person(token).await?),
        None => (None, None),
    };
    Ok(Json(Me {
        tenant: MyTenant::from(&*tenant),
        principal: caller.principal.to_string(),
        key: key.as_deref().map(MyKey::from),
        user: user.map(|Person { id, email }| MyUser { id, email }),
        scopes: caller.scopes.iter().map(Scope::as_str).collect(),
        limits: caller.limits().iter().map(Limit::from).collect(),
    }))
}

impl From<&Tenant> for MyTenant {
    fn from(tenant: &Tenant) -> Self {
        Self { id: tenant.id.clone(), slug: tenant.slug.to_string(), name: tenant.name.clone() }
    }
}

impl From<&ApiKey> for MyKey {
    fn from(key: &ApiKey) -> Self {
        let (id, name) = (key.id.to_string(), key.name.clone());
        Self { id, name, environment: key.environment.into(), expires_at: key.ends_at() }
    }
}

impl From<&(Policy, Standing)> for Limit {
    fn from((policy, standing): &(Policy, Standing)) -> Self {
        Self {
            policy: policy.name.to_string(),
            limit: policy.limit,
            window_s: policy.window.as_secs(),
            remaining: standing.remaining,
            reset_s: standing.reset.as_secs() + u64::from(standing.reset.subsec_nanos() > 0),
        }
    }
}
