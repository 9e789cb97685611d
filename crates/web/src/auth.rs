//! The seam between the HTTP kit and whoever knows the keys.
//!
//! `web` takes the credential out of the request and asks an [`Authenticate`] who that is. It
//! knows neither keys nor tokens. `accounts` implements the trait; tests implement it in ten lines.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use base::{Environment, Error, ErrorKind, Principal, Scope, Scopes, Secret, TenantId};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};

use crate::Problem;
use crate::limits::Limits;

/// What the signature of a request to AWS begins with.
const AWS_SIGNATURE: &str = "AWS4-";
/// The header of an API key.
pub const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// The header in which a key of `system` names the tenant it acts for.
pub const FREIGHT_TENANT: HeaderName = HeaderName::from_static("freight-tenant");

/// What a caller showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// From `X-API-Key`.
    ApiKey(Secret<String>),
    /// From `Authorization`, with or without the word `Bearer` before it.
    Bearer(Secret<String>),
}

/// Who a credential belongs to.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Whose data the request is about: the one acted for, where that is allowed.
    pub tenant: TenantId,
    /// Who asks.
    pub principal: Principal,
    /// What they may do.
    pub scopes: Scopes,
    /// What their key may be used for.
    pub environment: Environment,
    /// Limits that replace the defaults.
    pub limits: Limits,
    /// Origins from which this tenant's pages may call.
    pub cors_origins: Arc<[String]>,
    /// Whether it cannot be found out now, and they were good lately: they may read what is kept, and no
    /// more (see [`Route::kept`](crate::Route::kept)).
    pub remembered: bool,
}

/// Knows credentials.
#[async_trait]
pub trait Authenticate: Send + Sync + 'static {
    /// Who `credential` belongs to. `source` is where the request came from, `act_for` the value
    /// of `Freight-Tenant`.
    ///
    /// # Errors
    /// `Unauthenticated` when it is not valid (the gate counts these by source address),
    /// `Forbidden` when it is but may not be used here, `Unavailable` when that cannot be found
    /// out: never "allowed". Who was good lately may be told as [`remembered`](Identity::remembered)
    /// instead.
    async fn authenticate(
        &self,
        credential: &Credential,
        source: IpAddr,
        act_for: Option<&str>,
    ) -> base::Result<Identity>;

    /// Who a caller is whom AWS has told us of, without a credential of ours: `arn` signed the request,
    /// as API Gateway or a function URL has verified.
    ///
    /// # Errors
    /// As for [`authenticate`](Self::authenticate).
    async fn authenticate_arn(&self, _arn: &str, _act_for: Option<&str>) -> base::Result<Identity> {
        Err(Error::new(ErrorKind::Unauthenticated, "API key required"))
    }

    /// Told that a valid caller was refused because a route demands `scope`, for whoever counts.
    fn refused(&self, _identity: &Identity, _scope: Scope) {}

    /// Every origin that any tenant allows: a preflight carries no credential.
    fn origins(&self) -> Arc<[String]> {
        Arc::default()
    }
}

/// Takes the credential out of the headers. Of a request that AWS has verified (`by_aws`), a signature
/// of AWS is none.
///
/// # Errors
/// `Malformed` (400) when a header is there twice or both are there and disagree;
/// `Unauthenticated` when `Authorization` names a scheme that is not `Bearer`.
pub(crate) fn credential(headers: &HeaderMap, by_aws: bool) -> Result<Option<Credential>, Problem> {
    let key = single(headers, &X_API_KEY)?;
    let shown = single(headers, &AUTHORIZATION)?.filter(|text| !(by_aws && text.starts_with(AWS_SIGNATURE)));
    let bearer = shown.map(bearer).transpose()?;
    match (key, bearer) {
        (Some(key), Some(bearer)) if key != bearer => {
            let text = "X-API-Key and Authorization disagree. Send one of them.";
            Err(Error::new(ErrorKind::Malformed, text).with_detail("value_error", "X-API-Key", text).into())
        }
        (Some(key), _) => Ok(Some(Credential::ApiKey(Secret::new(key.to_owned())))),
        (None, Some(token)) => Ok(Some(Credential::Bearer(Secret::new(token.to_owned())))),
        (None, None) => Ok(None),
    }
}

/// The value of a header that may be there once.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return Ok(None) };
    match (first.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text.trim())),
        _ => {
            let text = "This header may be sent once, in plain ASCII.";
            let error = Error::new(ErrorKind::Malformed, text);
            Err(error.with_detail("value_error", name.as_str(), text).into())
        }
    }
}

/// The token of an `Authorization` header: behind `Bearer`, or the whole of a single word.
fn bearer(value: &str) -> Result<&str, Problem> {
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().contains(' ') => {
            Ok(token.trim())
        }
        None if !value.is_empty() => Ok(value),
        _ => Err(base::Error::new(base::ErrorKind::Unauthenticated, "Authorization must be a Bearer token").into()),
    }
}
