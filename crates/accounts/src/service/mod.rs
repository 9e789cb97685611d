//! What can be done, resource first, verb second.
//!
//! 1. [`identify`]: who is calling with a key. [`tokens`]: with a token; [`jwks`]: what it is verified
//!    with. [`recent`]: what was read a moment ago.
//! 2. [`keys`], [`tenants`], [`audit`]: the operations. [`denials`]: refusals, counted.
//! 3. [`first_start`]: what an empty store begins with. [`origins`]: whose pages may call at all.

mod audit;
mod denials;
mod first_start;
mod identify;
mod jwks;
mod keys;
mod origins;
mod recent;
mod tenants;
mod tokens;

pub use identify::Verified;
pub use jwks::{ASK_EVERY, Jwks, KeyRing, KeySource, Refusal};
pub use keys::ListedKey;
pub(crate) use recent::{Known, OUTAGE_MAX, Recent};
pub use tokens::{Holder, Trusted};

use std::sync::Arc;

use base::{Clock, Ctx, Error, ErrorKind, Principal, RequestId, Result, Secret, Store, TenantId};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::identity::local::Local;
use crate::identity::{IdentityProvider, Person};
use crate::model::jwt::Subject;
use crate::model::{ApiKey, IamPrincipal, KeyId, Role, Tenant};
use crate::store::Rows;

/// Tenants, API keys, the audit, and who is calling. Clones share everything.
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

struct Inner {
    rows: Rows,
    clock: Arc<dyn Clock>,
    keys: recent::Recent<KeyId, Arc<ApiKey>>,
    tenants: recent::Recent<String, Arc<Tenant>>,
    denials: denials::Gathered,
    origins: origins::Known,
    /// What is done beside requests.
    beside: TaskTracker,
    trusted: Vec<Trusted>,
    provider: Option<Arc<dyn IdentityProvider>>,
    local: Option<Local>,
    iam: Vec<IamPrincipal>,
}

/// What the service stands on.
#[derive(Clone)]
pub struct Deps {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Who may call without one of our keys. By default, nobody.
#[derive(Clone, Default)]
pub struct SignIn {
    /// Issuers elsewhere whose tokens are taken.
    pub trusted: Vec<Trusted>,
    /// Who signs people in.
    pub provider: Provider,
    /// Principals of AWS that may call behind its API Gateway.
    pub iam_principals: Vec<IamPrincipal>,
}

/// Who signs people in.
#[derive(Clone, Default)]
pub enum Provider {
    /// Nobody.
    #[default]
    Nobody,
    /// We do.
    Local(Local),
    /// Somebody else, whose tokens are among those that are trusted.
    Elsewhere(Arc<dyn IdentityProvider>),
}

impl Accounts {
    /// The service, for those who call with keys alone.
    pub fn new(deps: Deps) -> Self {
        Self::with_sign_in(deps, SignIn::default())
    }

    /// The service; it keeps nothing of its own that could not be read again.
    pub fn with_sign_in(deps: Deps, sign_in: SignIn) -> Self {
        let SignIn { mut trusted, provider, iam_principals: iam } = sign_in;
        let (local, provider): (_, Option<Arc<dyn IdentityProvider>>) = match provider {
            Provider::Nobody => (None, None),
            Provider::Local(local) => (Some(local.clone()), Some(Arc::new(local))),
            Provider::Elsewhere(provider) => (None, Some(provider)),
        };
        trusted.extend(local.iter().map(|local| Trusted { issuer: local.issuer(), keys: local.key_ring() }));
        Self(Arc::new(Inner {
            rows: Rows::new(deps.store),
            clock: deps.clock,
            keys: recent::Recent::new(),
            tenants: recent::Recent::new(),
            denials: denials::Gathered::default(),
            origins: origins::Known::default(),
            beside: TaskTracker::new(),
            trusted,
            provider,
            local,
            iam,
        }))
    }

    /// Writes the refusals that have gathered, and waits for whatever is done beside requests: to be called
    /// before the process stops, or is stopped, for what it had begun would be lost.
    ///
    /// # Errors
    /// When the refusals cannot be written; they gather on.
    pub async fn settle(&self) -> Result<()> {
        let written = self.0.denials.write(self.rows()).await;
        self.0.beside.close();
        self.0.beside.wait().await;
        self.0.beside.reopen();
        for Trusted { keys, .. } in &self.0.trusted {
            keys.settle().await;
        }
        if let Some(local) = &self.0.local {
            local.settle().await;
        }
        written
    }

    pub(crate) fn rows(&self) -> &Rows {
        &self.0.rows
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// The context of what Freight does by itself, in the tenant `system`.
    fn own_ctx(&self) -> Result<Ctx> {
        let tenant = TenantId::SYSTEM.parse()?;
        let scopes = Role::Platform.scopes();
        let at = self.0.clock.now();
        Ok(Ctx::new(tenant, Principal::new("system"), scopes, RequestId::random(), at, Uuid::new_v4()))
    }

    /// Who signs people in.
    ///
    /// # Errors
    /// `NotImplemented` where nobody does.
    pub(crate) fn provider(&self) -> Result<&dyn IdentityProvider> {
        let nobody = || Error::new(ErrorKind::NotImplemented, "This server signs nobody in: auth.provider is none");
        self.0.provider.as_deref().ok_or_else(nobody)
    }

    /// Who signed in with the provider to get this token; `None` for a token of another issuer.
    pub(crate) async fn person(&self, token: &Secret<String>) -> Result<Option<Person>> {
        match &self.0.provider {
            Some(provider) => provider.whoami(token).await,
            None => Ok(None),
        }
    }

    /// Refuses whoever signs up, in or on where the tenant of our users lets nobody in, or is known from memory
    /// only; what a user left in one that was removed would stay for ever.
    pub(crate) async fn home_is_open(&self) -> Result<()> {
        match self.local().and_then(Local::home) {
            Some(home) if self.tenant_of_holder(home.as_str(), None, false).await?.remembered => {
                Err(Error::unavailable("the tenant of our users is known from memory only"))
            }
            _ => Ok(()),
        }
    }

    /// Our own users, where there are any.
    pub(crate) fn local(&self) -> Option<&Local> {
        self.0.local.as_ref()
    }

    /// Refuses a token of this issuer whose session has ended; those of others have none here.
    async fn session_alive(&self, issuer: &str, subject: &Subject) -> Result<Known<()>, Refusal> {
        match self.local() {
            Some(local) if local.is_issuer(issuer) => local.session_alive(subject).await,
            _ => Ok(Known::read(())),
        }
    }
}

fn unauthenticated(message: &str) -> Error {
    Error::new(ErrorKind::Unauthenticated, message)
}
