//! Tenants, API keys and who is calling.
//!
//! [`Accounts`] is put together by `freight::compose` in this order: [`Accounts::new`] over a store
//! and a clock; [`Accounts::register`] teaches the engine the job that removes a tenant;
//! `Accounts` itself is the engine's `Quotas` and the HTTP kit's `Authenticate`;
//! [`Accounts::routes`] takes the engine; [`Accounts::bootstrap`] runs before requests are served.
//!
//! Read the modules in this order:
//!
//! 1. [`model`]: what a tenant, a key, a role and an audit event are; no I/O.
//! 2. [`service`]: what can be done with them, and who may.
//! 3. [`store`]: where they are kept, and how all of a tenant is found and removed.
//! 4. [`identity`]: who signs people in. [`outbound`]: whom that asks and writes to.
//! 5. `jobs`: the removal of a tenant. `http`: the endpoints.

#[cfg(feature = "contract")]
pub mod contract;
mod http;
pub mod identity;
mod jobs;
pub mod model;
pub mod outbound;
pub mod service;
pub mod store;

pub use http::cart_session::CartSessions;
pub use service::{Accounts, Deps, ListedKey, Provider, SignIn, Verified};
pub use store::{Holdings, Partition, Stored};
