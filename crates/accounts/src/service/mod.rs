//! What can be done, resource first, verb second.
//!
//! 1. [`identify`]: who is calling. [`recent`]: what was read a moment ago.
//! 2. [`keys`], [`tenants`], [`audit`]: the operations. [`denials`]: refusals, counted.
//! 3. [`first_start`]: what an empty store begins with. [`origins`]: whose pages may call at all.

mod audit;
mod denials;
mod first_start;
mod identify;
mod keys;
mod origins;
mod recent;
mod tenants;

pub use identify::Verified;
pub use keys::ListedKey;

use std::sync::Arc;

use base::{Clock, Ctx, Principal, RequestId, Result, Store, TenantId};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::model::{ApiKey, KeyId, Role, Tenant};
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
}

/// What the service stands on.
#[derive(Clone)]
pub struct Deps {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Accounts {
    /// The service; it keeps nothing of its own that could not be read again.
    pub fn new(deps: Deps) -> Self {
        Self(Arc::new(Inner {
            rows: Rows::new(deps.store),
            clock: deps.clock,
            keys: recent::Recent::new(),
            tenants: recent::Recent::new(),
            denials: denials::Gathered::default(),
            origins: origins::Known::default(),
            beside: TaskTracker::new(),
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
}
