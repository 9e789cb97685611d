//! Wire types and handlers.
//!
//! 1. [`identity`]: how the HTTP kit asks who is calling. [`cart_session`]: callers who name themselves.
//! 2. [`me`], [`keys`], [`tenants`], [`audit`]: the endpoints.

mod audit;
pub(crate) mod cart_session;
mod identity;
mod keys;
mod me;
mod tenants;

use std::sync::Arc;

use jobs::Engine;
use web::{Replay, Routes, route};

use crate::Accounts;

/// What handlers get: the service, and the engine that removes tenants.
#[derive(Clone)]
struct Api {
    accounts: Accounts,
    engine: Arc<Engine>,
}

impl Accounts {
    /// The endpoints of this service.
    pub fn routes(&self, engine: Arc<Engine>) -> Routes {
        Routes::new("accounts")
            .add(route!(me::me))
            .add(route!(keys::key_create).replay(Replay::StatusOnly))
            .add(route!(keys::keys_list))
            .add(route!(keys::key_get))
            .add(route!(keys::key_revoke))
            .add(route!(keys::key_rotate).replay(Replay::StatusOnly))
            .add(route!(tenants::tenant_create))
            .add(route!(tenants::tenants_list))
            .add(route!(tenants::tenant_get))
            .add(route!(tenants::tenant_update))
            .add(route!(tenants::tenant_delete))
            .add(route!(audit::audit_list))
            .with_state(Api { accounts: self.clone(), engine })
    }
}
