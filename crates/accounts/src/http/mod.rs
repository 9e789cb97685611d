//! Wire types and handlers.
//!
//! 1. [`identity`]: how the HTTP kit asks who is calling. [`cart_session`]: callers who name themselves.
//! 2. [`me`], [`keys`], [`tenants`], [`audit`]: the endpoints. [`auth`]: those of people who sign in.

mod audit;
mod auth;
pub(crate) mod cart_session;
mod identity;
mod keys;
mod me;
mod tenants;

use std::sync::Arc;
use std::time::Duration;

use base::ErrorKind;
use jobs::Engine;
use web::{Class, Mapping, Replay, Route, Routes, route};

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

    /// The endpoints of people who sign up, in, on and out. An `Idempotency-Key` has no effect on what
    /// holds a password, a code or a token.
    pub fn sign_in_routes(&self, engine: Arc<Engine>) -> Routes {
        Routes::new("sign-in")
            .add(rare(route!(auth::sign_up)))
            .add(rare(route!(auth::confirm)))
            .add(rare(route!(auth::resend)))
            .add(rare(route!(auth::sign_in)))
            .add(route!(auth::refresh).replay(Replay::Ignored))
            .add(route!(auth::sign_out))
            .add(rare(route!(auth::forgot_password)))
            .add(rare(route!(auth::reset_password)))
            .add(route!(auth::jwks).limits(Class::Free))
            .with_state(Api { accounts: self.clone(), engine })
    }

    /// The endpoint that pages ask whether somebody is signed in: whoever is not, is answered 403.
    pub fn valid_routes(&self, engine: Arc<Engine>) -> Routes {
        Routes::new("sign-in")
            .add(route!(auth::valid))
            .mapping(Mapping::new().answer(ErrorKind::Unauthenticated, 403))
            .with_state(Api { accounts: self.clone(), engine })
    }
}

/// What strangers may do a few times a minute from one address.
fn rare(route: Route<Api>) -> Route<Api> {
    route.policy("sign-in-minute", 20, Duration::from_secs(60)).replay(Replay::Ignored)
}
