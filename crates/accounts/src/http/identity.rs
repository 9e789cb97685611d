//! How the HTTP kit asks who is calling.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use base::{Result, Scope};
use web::{Authenticate, Credential, Identity, Limits};

use crate::model::Settings;
use crate::{Accounts, Verified};

#[async_trait]
impl Authenticate for Accounts {
    async fn authenticate(&self, credential: &Credential, source: IpAddr, act_for: Option<&str>) -> Result<Identity> {
        let Verified { key, tenant } =
            self.verify(text(credential), source.to_canonical().is_loopback(), act_for).await?;
        Ok(Identity {
            tenant: tenant.id.clone(),
            principal: key.principal(),
            scopes: key.scopes,
            limits: limits(&tenant.settings),
            cors_origins: tenant.settings.cors_origins.as_slice().into(),
        })
    }

    fn refused(&self, identity: &Identity, scope: Scope) {
        self.deny(&identity.tenant, format!("scope {scope} missing"));
    }

    fn origins(&self) -> Arc<[String]> {
        self.origins_known()
    }
}

/// The key itself, whichever header it came in.
pub(super) fn text(credential: &Credential) -> &str {
    match credential {
        Credential::ApiKey(text) | Credential::Bearer(text) => text.expose(),
    }
}

fn limits(settings: &Settings) -> Limits {
    settings.rate_limits.iter().fold(Limits::default(), |limits, (name, rates)| {
        limits.with(name.clone(), rates.iter().map(|rate| rate.policy(name)).collect())
    })
}
