//! A service alone, on memory: the kit it is served by, and who knows its callers' keys.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use base::memory::MemoryLimiter;
use base::{Clock, Environment, Error, ErrorKind, Principal, Scope, Secret, Store};
use web::{Authenticate, Config, Credential, Identity, Kit, Limits};

/// Knows a few keys. Whoever holds one is limited in nothing.
#[derive(Debug)]
pub struct Doors(Vec<Door>);

#[derive(Debug)]
struct Door {
    key: String,
    tenant: String,
    scopes: Vec<Scope>,
}

impl Doors {
    /// Each of these keys is of a tenant, and has these scopes.
    pub fn of(doors: &[(&str, &str, &[Scope])]) -> Self {
        let door = |(key, tenant, scopes): &(&str, &str, &[Scope])| Door {
            key: (*key).to_owned(),
            tenant: (*tenant).to_owned(),
            scopes: scopes.to_vec(),
        };
        Self(doors.iter().map(door).collect())
    }

    /// A kit on `store` that lets those in.
    pub fn kit(self, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Kit {
        Kit {
            authenticate: Arc::new(self),
            store,
            limiter: Arc::new(MemoryLimiter::new(clock.clone())),
            clock,
            config: Config::default(),
            cursor_key: Secret::new([7; 32]),
        }
    }
}

#[async_trait]
impl Authenticate for Doors {
    async fn authenticate(&self, credential: &Credential, _: IpAddr, _: Option<&str>) -> base::Result<Identity> {
        let (Credential::ApiKey(shown) | Credential::Bearer(shown)) = credential;
        let door = self.0.iter().find(|door| door.key == *shown.expose());
        let door = door.ok_or_else(|| Error::new(ErrorKind::Unauthenticated, "Unknown key"))?;
        Ok(Identity {
            tenant: door.tenant.parse()?,
            principal: Principal::new(format!("key:{}", door.key)),
            scopes: door.scopes.iter().copied().collect(),
            environment: Environment::Live,
            limits: Limits::default().with("control", Vec::new()),
            cors_origins: Arc::default(),
            remembered: false,
        })
    }
}
