//! Records into datasets: fetched, imported, read in order.
//!
//! Read the modules in this order:
//!
//! 1. [`model`]: types and rules. 2. [`store`]: tables, keys, codecs, and how records are written
//!    and read in order. 3. [`rows`]: records in files.
//! 4. [`outbound`]: calls to addresses that somebody else chose. 5. [`jobs`]: what the service
//!    teaches the engine. 6. [`service`]: operations. 7. `http`: wire types and handlers.
//! 8. `contract` (feature `contract`): what is promised over HTTP, as cases that run on any store.

#[cfg(feature = "contract")]
pub mod contract;
mod http;
pub mod jobs;
pub mod model;
pub mod outbound;
pub mod rows;
pub mod service;
pub mod store;

use std::sync::Arc;

pub use jobs::register;
pub use service::{Deps, Ingest, Settings};

impl Ingest {
    /// The routes of this service.
    pub fn routes(self: &Arc<Self>) -> web::Routes {
        http::routes(self.clone())
    }
}
