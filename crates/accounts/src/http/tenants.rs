//! Tenants on the wire.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::extract::State;
use base::{Error, JobId, Result, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::scope::TenantsAdmin;
use web::{Accepted, Answer, Body, Caller, Created, IfMatch, Json, List, Paging, PathId, Tagged};

use super::Api;
use crate::Stored;
use crate::model::{NewTenant, Rate, Settings, Tenant, TenantPatch, TenantStatus};

/// A tenant.
#[derive(Serialize, ToSchema)]
pub(super) struct TenantView {
    /// Never changes, never returns.
    #[schema(value_type = String)]
    id: TenantId,
    name: String,
    /// What people type; unique.
    #[schema(example = "acme")]
    slug: String,
    status: StatusName,
    settings: SettingsView,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Since when a job removes it; null = it stays.
    #[schema(value_type = Option<String>, format = DateTime)]
    deleting_since: Option<Timestamp>,
}

/// Whether a tenant's keys are let in.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum StatusName {
    /// They are.
    Active,
    /// They are answered 403.
    Suspended,
}

/// What a tenant may use.
#[derive(Serialize, ToSchema)]
struct SettingsView {
    /// By the name of a policy, in place of the server's own rates; an empty list = unlimited.
    #[schema(value_type = BTreeMap<String, Vec<String>>, example = json!({"control": ["100/minute", "1000/hour"]}))]
    rate_limits: BTreeMap<String, Vec<Rate>>,
    /// How many jobs run at once.
    max_concurrent_jobs: u32,
    /// For how many days finished jobs, their logs and dead letters are kept.
    retention_days: u32,
    /// Which web pages may call with the tenant's keys.
    cors_origins: Vec<String>,
}

/// A tenant to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TenantCreate {
    /// What it is called: 1 to 100 characters.
    #[schema(example = "Acme")]
    name: String,
    /// What people type: a-z, 0-9 and -, at most 63.
    #[schema(example = "acme")]
    slug: String,
    settings: Option<SettingsChange>,
}

/// What to change of a tenant; what is not named stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TenantChange {
    name: Option<String>,
    slug: Option<String>,
    status: Option<StatusName>,
    settings: Option<SettingsChange>,
}

/// What to change of a tenant's settings; what is not named stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SettingsChange {
    /// Replaces all rates.
    rate_limits: Option<BTreeMap<String, Vec<String>>>,
    /// 1 to 100; 10 at first.
    #[schema(minimum = 1, maximum = 100)]
    max_concurrent_jobs: Option<u32>,
    /// 1 to 3,650; 30 at first.
    #[schema(minimum = 1, maximum = 3650)]
    retention_days: Option<u32>,
    /// Replaces all origins.
    cors_origins: Option<Vec<String>>,
}

/// A tenant on its way out.
#[derive(Serialize, ToSchema)]
pub(super) struct TenantLeaving {
    /// The job that removes it; it is of the tenant `system`.
    #[schema(value_type = String, format = Uuid)]
    job_id: JobId,
    status: &'static str,
}

/// What a tenant is asked for by: its id or its slug.
pub(super) struct TenantName(String);

impl FromStr for TenantName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(Self(text.to_owned()))
    }
}

/// Makes a tenant.
#[utoipa::path(post, path = "/api/v1/tenants", request_body = TenantCreate,
    responses((status = 201, body = TenantView)))]
pub(super) async fn tenant_create(
    caller: Caller<TenantsAdmin>,
    State(api): State<Api>,
    Body(body): Body<TenantCreate>,
) -> Answer<Tagged<Created<TenantView>>> {
    let made = api.accounts.tenant_create(&caller, body.ask()?).await?;
    let location = format!("/api/v1/tenants/{}", made.value.id);
    Ok(Tagged::new(made.version, Created::at(location, made.value.into())))
}

/// Lists all tenants, the oldest first.
#[utoipa::path(get, path = "/api/v1/tenants", params(Paging), responses((status = 200, body = List<TenantView>)))]
pub(super) async fn tenants_list(
    caller: Caller<TenantsAdmin>,
    State(api): State<Api>,
    paging: Paging,
) -> Answer<List<TenantView>> {
    let page = paging.fetch(|after, limit| api.accounts.tenants_list(&caller, after, limit)).await?;
    let total = api.accounts.tenants_count(&caller).await?;
    Ok(paging.list(page.map(TenantView::from), Some(total)))
}

/// Shows a tenant.
#[utoipa::path(get, path = "/api/v1/tenants/{id}", params(("id" = String, Path, description = "Its id or slug")),
    responses((status = 200, body = TenantView)))]
pub(super) async fn tenant_get(
    caller: Caller<TenantsAdmin>,
    State(api): State<Api>,
    PathId(TenantName(name)): PathId<TenantName>,
) -> Answer<Tagged<Json<TenantView>>> {
    Ok(shown(api.accounts.tenant_get(&caller, &name).await?))
}

/// Changes a tenant, if it is still what `If-Match` names.
#[utoipa::path(patch, path = "/api/v1/tenants/{id}", request_body = TenantChange,
    params(("id" = String, Path, description = "Its id or slug"),
        ("If-Match" = Option<String>, Header, description = "The ETag of what was seen")),
    responses((status = 200, body = TenantView)))]
pub(super) async fn tenant_update(
    caller: Caller<TenantsAdmin>,
    State(api): State<Api>,
    PathId(TenantName(name)): PathId<TenantName>,
    if_match: IfMatch,
    Body(body): Body<TenantChange>,
) -> Answer<Tagged<Json<TenantView>>> {
    let stored = api.accounts.tenant_get(&caller, &name).await?;
    if_match.check(stored.version)?;
    let patch = body.patch(&stored.value.settings)?;
    Ok(shown(api.accounts.tenant_update(&caller, &stored, patch).await?))
}

/// Suspends a tenant and has a job remove all of it, from every service.
#[utoipa::path(delete, path = "/api/v1/tenants/{id}",
    params(("id" = String, Path, description = "Its id or slug"),
        ("If-Match" = Option<String>, Header, description = "The ETag of what was seen")),
    responses((status = 202, body = TenantLeaving)))]
pub(super) async fn tenant_delete(
    caller: Caller<TenantsAdmin>,
    State(api): State<Api>,
    PathId(TenantName(name)): PathId<TenantName>,
    if_match: IfMatch,
) -> Answer<Accepted<TenantLeaving>> {
    let stored = api.accounts.tenant_get(&caller, &name).await?;
    if_match.check(stored.version)?;
    let job = api.accounts.tenant_delete(&caller, &api.engine, &stored).await?;
    let location = format!("/api/v1/jobs/{}", job.id);
    Ok(Accepted::at(location, TenantLeaving { job_id: job.id, status: job.status.as_str() }))
}

fn shown(stored: Stored<Tenant>) -> Tagged<Json<TenantView>> {
    Tagged::new(stored.version, Json(stored.value.into()))
}

impl TenantCreate {
    fn ask(self) -> Result<NewTenant> {
        let settings = self.settings.map_or_else(|| Ok(Settings::default()), |s| s.over(&Settings::default()))?;
        Ok(NewTenant { name: self.name, slug: self.slug.parse()?, settings })
    }
}

impl TenantChange {
    fn patch(self, settings: &Settings) -> Result<TenantPatch> {
        Ok(TenantPatch {
            name: self.name,
            slug: self.slug.map(|slug| slug.parse()).transpose()?,
            status: self.status.map(TenantStatus::from),
            settings: self.settings.map(|change| change.over(settings)).transpose()?,
        })
    }
}

impl SettingsChange {
    fn over(self, settings: &Settings) -> Result<Settings> {
        let rates = |texts: Vec<String>| texts.iter().map(|text| text.parse()).collect::<Result<Vec<Rate>>>();
        let rate_limits = match self.rate_limits {
            Some(named) => named.into_iter().map(|(name, texts)| Ok((name, rates(texts)?))).collect::<Result<_>>()?,
            None => settings.rate_limits.clone(),
        };
        Ok(Settings {
            rate_limits,
            max_concurrent_jobs: self.max_concurrent_jobs.unwrap_or(settings.max_concurrent_jobs),
            retention_days: self.retention_days.unwrap_or(settings.retention_days),
            cors_origins: self.cors_origins.unwrap_or_else(|| settings.cors_origins.clone()),
        })
    }
}

impl From<Tenant> for TenantView {
    fn from(tenant: Tenant) -> Self {
        let Settings { rate_limits, max_concurrent_jobs, retention_days, cors_origins } = tenant.settings;
        Self {
            id: tenant.id,
            name: tenant.name,
            slug: tenant.slug.to_string(),
            status: tenant.status.into(),
            settings: SettingsView { rate_limits, max_concurrent_jobs, retention_days, cors_origins },
            created_at: tenant.created_at,
            updated_at: tenant.updated_at,
            deleting_since: tenant.deleting_since,
        }
    }
}

impl From<TenantStatus> for StatusName {
    fn from(status: TenantStatus) -> Self {
        match status {
            TenantStatus::Active => Self::Active,
            TenantStatus::Suspended => Self::Suspended,
        }
    }
}

impl From<StatusName> for TenantStatus {
    fn from(name: StatusName) -> Self {
        match name {
            StatusName::Active => Self::Active,
            StatusName::Suspended => Self::Suspended,
        }
    }
}
