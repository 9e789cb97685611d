//! Token analytics that are never waited for.
//!
//! Read the modules in this order:
//!
//! 1. [`model`]: types and rules. 2. [`outbound`]: who is asked about markets.
//! 3. [`service`]: resources, and reading them. 4. `http`: handlers.
//! 5. `contract` (feature `contract`): what is promised over HTTP, as cases that run on any store.
//!
//! What is stored is kept by `readthrough`; this crate has no table of its own.

#[cfg(feature = "contract")]
pub mod contract;
mod http;
pub mod model;
pub mod outbound;
pub mod service;

use std::sync::Arc;

pub use service::{Deps, Tokens, register};

impl Tokens {
    /// The routes of this service.
    pub fn routes(self: &Arc<Self>) -> web::Routes {
        http::routes(self.clone())
    }
}
