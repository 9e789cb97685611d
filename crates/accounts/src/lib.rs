//! Tenants, API keys and who is calling.
//!
//! Read the modules in this order:
//!
//! 1. [`model`]: what a tenant, a key, a role and an audit event are; no I/O.
//! 2. [`store`]: where they are kept, and how all of a tenant is found and removed.
//! 3. [`service`]: what can be done with them, and who may.

pub mod model;
pub mod service;
pub mod store;

pub use service::{Accounts, ListedKey, Verified};
pub use store::{Holdings, Partition, Stored};
