//! Users of our own.
//!
//! Kept in the store: who they are, a slow hash of the password, sessions, and codes that wait to be
//! typed. A session is held by two tokens. The *access token* is a JWT that lives for fifteen minutes
//! and is verified like anybody else's; since it is ours, it also ends within a second after its
//! session does. The *refresh token* is random and used once: each use brings the next, and one that
//! is shown a second time was stolen by whoever came first or second, so the session ends for both.
//!
//! 1. [`user`]: what is kept. [`password`]: the slow hash, and how many run at once.
//! 2. [`letters`]: codes, and how often somebody is written to. [`post`]: who delivers them.
//! 3. [`signing`]: the keys of our access tokens. [`session`]: tokens made and used.
//! 4. [`provider`]: the operations.
//!
//! How to get it wrong: count a failed sign-in after the password was hashed, without taking a turn
//! first. Then a hundred guesses are under way before the first of them counts.

mod letters;
mod password;
mod post;
mod provider;
mod session;
mod signing;
mod user;

use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Scopes, Store, TenantId};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

pub(crate) use letters::Written;
pub use post::{Letter, Post};
pub use signing::{JwkDocument, JwkEntry};
pub(crate) use user::{Failures, Pending, Purpose, Session, SigningKey, User};

use crate::model::jwt::{Algorithm, Grants, Issuer, TokenUse};
use crate::store::UserRows;

/// `client_id` of our own access tokens.
const CLIENT: &str = "freight";
/// The claim of our own access tokens that names the tenant.
const TENANT_CLAIM: &str = "tenant";
/// So many letters are on their way at once, and asked for beside a request.
const BESIDE_MAX: usize = 64;

/// How our own users are kept.
#[derive(Clone)]
pub struct Settings {
    /// `iss` of our access tokens.
    pub issuer: String,
    /// The tenant that who signs up belongs to; without it, nobody can.
    pub tenant: Option<TenantId>,
    /// What users may do.
    pub scopes: Scopes,
    /// Who delivers codes; without it, nobody can sign up.
    pub post: Option<Arc<dyn Post>>,
}

/// Our own users. Clones share everything.
#[derive(Clone)]
pub struct Local(Arc<Inner>);

struct Inner {
    settings: Settings,
    rows: UserRows,
    clock: Arc<dyn Clock>,
    hasher: password::Hasher,
    signing: signing::Signing,
    sessions: session::Alive,
    beside: Arc<Semaphore>,
    /// What is done beside requests.
    tasks: TaskTracker,
}

impl Local {
    /// Users in this store.
    pub fn new(settings: Settings, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let rows = UserRows::new(store);
        let signing = signing::Signing::new(rows.clone(), clock.clone());
        let (hasher, sessions) = (password::Hasher::new(), session::Alive::new());
        let beside = Arc::new(Semaphore::new(BESIDE_MAX));
        let tasks = TaskTracker::new();
        Self(Arc::new(Inner { settings, rows, clock, hasher, signing, sessions, beside, tasks }))
    }

    /// Waits for whatever is done beside requests.
    pub(crate) async fn settle(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.tasks.reopen();
    }

    /// What our access tokens must say.
    pub(crate) fn issuer(&self) -> Issuer {
        Issuer {
            name: self.0.settings.issuer.clone(),
            algorithms: vec![Algorithm::EdDSA],
            token_use: TokenUse::Access,
            audience: vec![CLIENT.to_owned()],
            tenant_claim: TENANT_CLAIM.to_owned(),
            tenant_default: None,
            groups_claim: "groups".to_owned(),
            grants: Grants::own(),
            // Copies of ourselves, whose clocks differ a little.
            leeway: Duration::from_secs(5),
        }
    }

    /// The tenant that who signs up belongs to.
    pub(crate) fn home(&self) -> Option<&TenantId> {
        self.0.settings.tenant.as_ref()
    }

    /// Whether tokens of this issuer are ours.
    pub(crate) fn is_issuer(&self, name: &str) -> bool {
        self.0.settings.issuer == name
    }

    /// The public halves of our keys, as they are published.
    ///
    /// # Errors
    /// What the store says.
    pub async fn jwks(&self) -> base::Result<JwkDocument> {
        self.0.signing.published().await
    }

    /// What access tokens are verified with.
    pub(crate) fn key_ring(&self) -> Arc<dyn crate::service::KeyRing> {
        Arc::new(self.0.signing.clone())
    }
}
