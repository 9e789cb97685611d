//! Keys on the wire.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use base::{Environment, Error, Result, Scope, Scopes, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::scope::KeysAdmin;
use web::{Answer, Body, Caller, Created, Json, List, Paging, PathId};

use super::Api;
use crate::ListedKey;
use crate::model::{ApiKey, KeyId, MadeKey, NewKey, Role};

/// The old key goes on for so long when the caller does not say: a day.
const OVERLAP_S: u32 = 86_400;
/// It goes on for at most so long: thirty days.
const OVERLAP_S_MAX: u32 = 30 * 86_400;

/// What a key may be used for.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum EnvironmentName {
    /// The real thing.
    Live,
    /// It starts no fetch into a dataset but from the sandbox.
    Test,
    /// Accepted from the same machine only.
    Dev,
}

/// A key, without its secret.
#[derive(Serialize, ToSchema)]
pub(super) struct KeyView {
    /// The twelve characters behind the prefix.
    #[schema(example = "0AZ3ftkGrC7y")]
    id: String,
    name: String,
    environment: EnvironmentName,
    /// As whom its holder acts; keys made by rotation share it.
    principal: String,
    scopes: Vec<&'static str>,
    /// For a key of `system`: for whom it acts when no `Freight-Tenant` says otherwise.
    #[schema(value_type = Option<String>)]
    acts_for: Option<TenantId>,
    status: KeyStatus,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    created_by: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    /// To the minute; null = never.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
}

/// Whether a key is taken.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum KeyStatus {
    /// It is.
    Active,
    /// Its end has come.
    Expired,
    /// Somebody ended it.
    Revoked,
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
pub(super) struct KeyMade {
    #[serde(flatten)]
    view: KeyView,
    /// The key itself. It is shown this once and kept by nobody but you.
    key: String,
}

/// A key to be made: with a role, or with scopes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyCreate {
    /// What people call it: 1 to 100 characters.
    #[schema(example = "reporting")]
    name: String,
    /// reader, writer, admin or platform.
    #[schema(example = "reader")]
    role: Option<String>,
    /// What its holder may do.
    scopes: Option<Vec<String>>,
    /// That of the caller's own key unless said.
    environment: Option<EnvironmentName>,
    /// From when on it is refused; null = never.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// How a key is rotated.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyRotate {
    /// For how many seconds the old key goes on: 0 to 2,592,000, a day unless said.
    #[schema(minimum = 0, maximum = 2592000)]
    overlap_s: Option<u32>,
}

/// Makes a key. Nobody can give a scope that they do not hold, and a test or dev key makes keys of its own
/// environment only.
#[utoipa::path(post, path = "/api/v1/keys", request_body = KeyCreate, responses((status = 201, body = KeyMade)))]
pub(super) async fn key_create(
    caller: Caller<KeysAdmin>,
    State(api): State<Api>,
    Body(body): Body<KeyCreate>,
) -> Answer<Created<KeyMade>> {
    let made = api.accounts.key_create(&caller, body.ask(caller.environment)?).await?;
    Ok(created(made, caller.now()))
}

/// Lists the tenant's keys, the newest first, without their secrets.
#[utoipa::path(get, path = "/api/v1/keys", params(Paging), responses((status = 200, body = List<KeyView>)))]
pub(super) async fn keys_list(
    caller: Caller<KeysAdmin>,
    State(api): State<Api>,
    paging: Paging,
) -> Answer<List<KeyView>> {
    let page = paging.fetch(|after, limit| api.accounts.keys_list(&caller, after, limit)).await?;
    let total = api.accounts.keys_count(&caller).await?;
    let now = caller.now();
    Ok(paging.list(page.map(|listed| KeyView::of(listed, now)), Some(total)))
}

/// Shows a key, without its secret.
#[utoipa::path(get, path = "/api/v1/keys/{id}", params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, body = KeyView)))]
pub(super) async fn key_get(
    caller: Caller<KeysAdmin>,
    State(api): State<Api>,
    PathId(id): PathId<KeyId>,
) -> Answer<Json<KeyView>> {
    let listed = api.accounts.key_get(&caller, &id).await?;
    Ok(Json(KeyView::of(listed, caller.now())))
}

/// Ends a key: within a second in this process, within five in others.
#[utoipa::path(delete, path = "/api/v1/keys/{id}", params(("id" = String, Path, description = "The key's id")),
    responses((status = 204, description = "It is refused from now on")))]
pub(super) async fn key_revoke(
    caller: Caller<KeysAdmin>,
    State(api): State<Api>,
    PathId(id): PathId<KeyId>,
) -> Answer<StatusCode> {
    api.accounts.key_revoke(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes another key for the same principal; the old one goes on for a while.
#[utoipa::path(post, path = "/api/v1/keys/{id}/rotate", request_body = Option<KeyRotate>,
    params(("id" = String, Path, description = "The key's id")), responses((status = 201, body = KeyMade)))]
pub(super) async fn key_rotate(
    caller: Caller<KeysAdmin>,
    State(api): State<Api>,
    PathId(id): PathId<KeyId>,
    body: Option<Body<KeyRotate>>,
) -> Answer<Created<KeyMade>> {
    let overlap_s = body.and_then(|Body(body)| body.overlap_s).unwrap_or(OVERLAP_S);
    if overlap_s > OVERLAP_S_MAX {
        return Err(Error::invalid("overlap_s", format!("Must be at most {OVERLAP_S_MAX}")).into());
    }
    let made = api.accounts.key_rotate(&caller, &id, Duration::from_secs(overlap_s.into())).await?;
    Ok(created(made, caller.now()))
}

fn created(MadeKey { key, text }: MadeKey, now: Timestamp) -> Created<KeyMade> {
    let location = format!("/api/v1/keys/{}", key.id);
    let view = KeyView::of(ListedKey { key, last_used_at: None }, now);
    Created::at(location, KeyMade { view, key: text.expose().clone() })
}

impl KeyCreate {
    fn ask(self, own: Environment) -> Result<NewKey> {
        let scopes = scopes(self.role.as_deref(), self.scopes.as_deref())?;
        let environment = self.environment.map_or(own, Environment::from);
        Ok(NewKey { environment, expires_at: self.expires_at, ..NewKey::new(self.name, scopes) })
    }
}

fn scopes(role: Option<&str>, scopes: Option<&[String]>) -> Result<Scopes> {
    match (role, scopes) {
        (Some(role), None) => Ok(role.parse::<Role>()?.scopes()),
        (None, Some(scopes)) => scopes.iter().map(|scope| scope.parse::<Scope>()).collect(),
        _ => Err(Error::invalid("scopes", "Give either a role or scopes")),
    }
}

impl KeyView {
    fn of(ListedKey { key, last_used_at }: ListedKey, now: Timestamp) -> Self {
        Self {
            id: key.id.to_string(),
            environment: key.environment.into(),
            principal: key.principal().to_string(),
            scopes: key.scopes.iter().map(Scope::as_str).collect(),
            status: KeyStatus::of(&key, now),
            created_at: key.created_at,
            expires_at: key.ends_at(),
            revoked_at: key.revoked_at,
            last_used_at,
            acts_for: key.acts_for,
            created_by: key.created_by,
            name: key.name,
        }
    }
}

impl KeyStatus {
    fn of(key: &ApiKey, now: Timestamp) -> Self {
        match (key.revoked_at, key.is_live(now)) {
            (Some(_), _) => Self::Revoked,
            (None, false) => Self::Expired,
            (None, true) => Self::Active,
        }
    }
}

impl From<Environment> for EnvironmentName {
    fn from(environment: Environment) -> Self {
        match environment {
            Environment::Live => Self::Live,
            Environment::Test => Self::Test,
            Environment::Dev => Self::Dev,
        }
    }
}

impl From<EnvironmentName> for Environment {
    fn from(name: EnvironmentName) -> Self {
        match name {
            EnvironmentName::Live => Self::Live,
            EnvironmentName::Test => Self::Test,
            EnvironmentName::Dev => Self::Dev,
        }
    }
}
