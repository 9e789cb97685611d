//! What can be done, resource first, verb second.
//!
//! 1. [`identify`]: who is calling. [`recent`]: what was read a moment ago.
//! 2. [`keys`], [`tenants`], [`audit`]: the operations. [`denials`]: refusals, counted.
//! 3. [`first_start`]: what an empty store begins with.

mod audit;
mod denials;
mod first_start;
mod identify;
mod keys;
mod recent;
mod tenants;

pub use identify::Verified;
pub use keys::ListedKey;

use std::sync::Arc;

use base::store::Version;
use base::{Clock, Ctx, Error, ErrorKind, Principal, RequestId, Result, Store, TenantId};
use uuid::Uuid;

use crate::model::{ApiKey, KeyId, Role, Tenant};
use crate::store::{Rows, Stored};

/// Tenants, API keys, the audit, and who is calling. Clones share everything.
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

struct Inner {
    rows: Rows,
    clock: Arc<dyn Clock>,
    keys: recent::Recent<KeyId, Arc<ApiKey>>,
    tenants: recent::Recent<String, Arc<Tenant>>,
    denials: denials::Gathered,
}

impl Accounts {
    pub(crate) fn over(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            rows: Rows::new(store),
            clock,
            keys: recent::Recent::new(),
            tenants: recent::Recent::new(),
            denials: denials::Gathered::default(),
        }))
    }

    fn rows(&self) -> &Rows {
        &self.0.rows
    }

    /// The context of what Freight does by itself, in the tenant `system`.
    fn own_ctx(&self) -> Result<Ctx> {
        let tenant = TenantId::SYSTEM.parse()?;
        let scopes = Role::Platform.scopes();
        let at = self.0.clock.now();
        Ok(Ctx::new(tenant, Principal::new("system"), scopes, RequestId::random(), at, Uuid::new_v4()))
    }
}

/// Refuses to change what the caller has not seen.
///
/// # Errors
/// `PreconditionFailed` when `expected` is another stamp than the stored one.
fn check_seen<T>(stored: &Stored<T>, expected: Option<Version>) -> Result<()> {
    match expected {
        Some(expected) if stored.version != Some(expected) => {
            Err(Error::new(ErrorKind::PreconditionFailed, "It was changed since you read it. Read it again."))
        }
        _ => Ok(()),
    }
}
