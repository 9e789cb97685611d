//! Selections of records: gathered by hand or by query, combined, taken away.
//!
//! Read the modules in this order:
//!
//! 1. [`model`]: types and rules. 2. [`store`]: tables, keys, codecs and queries.
//! 3. [`service`]: operations. 4. [`jobs`]: filling a cart by a query, combining two, removing one.
//! 5. `http`: wire types and handlers.
//! 6. `contract` (feature `contract`): what is promised over HTTP, as cases that run on any store.

#[cfg(feature = "contract")]
pub mod contract;
mod http;
pub mod jobs;
pub mod model;
pub mod service;
pub mod store;

use std::sync::Arc;

pub use jobs::register;
pub use service::{Carts, Deps};

impl Carts {
    /// The routes of this service.
    pub fn routes(self: &Arc<Self>) -> web::Routes {
        http::routes(self.clone())
    }
}
