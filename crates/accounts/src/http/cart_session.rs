//! Callers who name themselves: anonymous sessions of carts.
//!
//! Off unless the operator says so, since a UUID is no secret: who knows it is the session. A session
//! shows a version-4 UUID as its bearer token, as base64 of its 36 characters or as they are, lives in
//! the tenant `public`, may do what carts allow and nothing else, and is limited by itself. Whatever is
//! no such token goes on to whoever knows the keys.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::limiter::Policy;
use base::{Environment, Error, ErrorKind, Principal, Result, Scope, TenantId};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;
use web::{Authenticate, Credential, Identity, Limits};

/// What a session's principal begins with.
const SESSION: &str = "session:";
/// How many calls that carry data a session may make in a minute; others have no such limit.
const DATA: Policy = Policy::new("data-minute", 600, Duration::from_secs(60));

/// Knows sessions, and asks another for everybody else.
pub struct CartSessions(Arc<dyn Authenticate>);

impl CartSessions {
    /// Sessions before those whom `others` knows.
    pub fn before(others: Arc<dyn Authenticate>) -> Self {
        Self(others)
    }
}

#[async_trait]
impl Authenticate for CartSessions {
    async fn authenticate(&self, credential: &Credential, source: IpAddr, act_for: Option<&str>) -> Result<Identity> {
        let Some(session) = session(credential) else {
            return self.0.authenticate(credential, source, act_for).await;
        };
        if act_for.is_some() {
            return Err(Error::new(ErrorKind::Forbidden, "A session cannot act for a tenant"));
        }
        let hash = blake3::hash(session.as_bytes()).to_hex();
        Ok(Identity {
            tenant: TenantId::PUBLIC.parse()?,
            principal: Principal::new(format!("{SESSION}{}", &hash[..32])),
            scopes: [Scope::CartsRead, Scope::CartsWrite].into_iter().collect(),
            environment: Environment::Live,
            limits: Limits::default().with("data", vec![DATA]).by_principal(),
            cors_origins: Arc::default(),
            remembered: false,
        })
    }

    async fn authenticate_arn(&self, arn: &str, act_for: Option<&str>) -> Result<Identity> {
        self.0.authenticate_arn(arn, act_for).await
    }

    fn refused(&self, identity: &Identity, scope: Scope) {
        self.0.refused(identity, scope);
    }

    fn origins(&self) -> Arc<[String]> {
        self.0.origins()
    }
}

/// The session that a token names.
fn session(credential: &Credential) -> Option<Uuid> {
    let Credential::Bearer(token) = credential else { return None };
    let token = token.expose();
    let decoded = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = if token.len() == 36 { Some(token.clone()) } else { decoded };
    let id = text.filter(|text| text.len() == 36).and_then(|text| Uuid::try_parse(&text).ok());
    id.filter(|id| id.get_version_num() == 4)
}

#[cfg(test)]
mod tests {
    use base::Secret;

    use super::*;

    fn named(token: &str) -> Option<String> {
        session(&Credential::Bearer(Secret::new(token.to_owned()))).map(|id| id.to_string())
    }

    #[test]
    fn a_session_is_a_random_uuid_as_it_is_or_in_base64() {
        let id = "261e1aea-82c9-4e38-a879-e2e02ef236a5";
        assert_eq!(named(id).as_deref(), Some(id));
        assert_eq!(named(&STANDARD.encode(id)).as_deref(), Some(id));
        assert_eq!(named(&id.to_uppercase()).as_deref(), Some(id));
        for other in
            ["", "frt_live_x", "261e1aea82c94e38a879e2e02ef236a5", "019b76da-a800-7c50-b1a5-2f6cc4d8e0f1", "AAAA"]
        {
            assert_eq!(named(other), None, "{other}");
        }
        assert_eq!(session(&Credential::ApiKey(Secret::new(id.to_owned()))), None);
    }
}
