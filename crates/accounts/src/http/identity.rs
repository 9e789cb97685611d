//! How the HTTP kit asks who is calling.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use base::{Environment, Principal, Result, Scope, Scopes, Secret};
use web::{Authenticate, Credential, Identity, Limits};

use crate::model::jwt::Compact;
use crate::model::{Settings, Tenant};
use crate::service::Holder;
use crate::{Accounts, Verified};

/// What a caller shows, told apart by its form alone: nothing is read yet.
pub(super) enum Shown<'a> {
    /// An API key, or what is to be refused as one.
    Key(&'a str),
    /// A JSON Web Token, which comes as a bearer token only.
    Token(&'a Secret<String>),
}

impl<'a> Shown<'a> {
    pub(super) fn of(credential: &'a Credential) -> Self {
        match credential {
            Credential::Bearer(text) if Compact::is_like(text.expose()) => Self::Token(text),
            Credential::ApiKey(text) | Credential::Bearer(text) => Self::Key(text.expose()),
        }
    }
}

#[async_trait]
impl Authenticate for Accounts {
    async fn authenticate(&self, credential: &Credential, source: IpAddr, act_for: Option<&str>) -> Result<Identity> {
        match Shown::of(credential) {
            Shown::Key(text) => {
                let from_loopback = source.to_canonical().is_loopback();
                let Verified { key, tenant, remembered } = self.verify(text, from_loopback, act_for).await?;
                let environment = key.environment;
                Ok(Identity { environment, remembered, ..identity(&tenant, key.principal(), key.scopes) })
            }
            Shown::Token(text) => self.token_verify(text.expose(), act_for).await.map(Identity::from),
        }
    }

    async fn authenticate_arn(&self, arn: &str, act_for: Option<&str>) -> Result<Identity> {
        self.arn_verify(arn, act_for).await.map(Identity::from)
    }

    fn refused(&self, identity: &Identity, scope: Scope) {
        self.deny(&identity.tenant, format!("scope {scope} missing"));
    }

    fn origins(&self) -> Arc<[String]> {
        self.origins_known()
    }
}

impl From<Holder> for Identity {
    fn from(Holder { principal, tenant, scopes, remembered }: Holder) -> Self {
        Self { remembered, ..identity(&tenant, principal, scopes) }
    }
}

fn identity(tenant: &Tenant, principal: Principal, scopes: Scopes) -> Identity {
    Identity {
        tenant: tenant.id.clone(),
        principal,
        scopes,
        environment: Environment::Live,
        limits: limits(&tenant.settings),
        cors_origins: tenant.settings.cors_origins.as_slice().into(),
        remembered: false,
    }
}

/// The token, if that is what was shown.
pub(super) fn token(credential: &Credential) -> Option<&Secret<String>> {
    match Shown::of(credential) {
        Shown::Token(text) => Some(text),
        Shown::Key(_) => None,
    }
}

fn limits(settings: &Settings) -> Limits {
    settings.rate_limits.iter().fold(Limits::default(), |limits, (name, rates)| {
        limits.with(name.clone(), rates.iter().map(|rate| rate.policy(name)).collect())
    })
}
