//! Records into datasets: fetched, imported, read in order.
//!
//! Read the modules in this order:
//!
//! 1. [`model`]: types and rules. 2. [`store`]: tables, keys, codecs, and how records are written
//!    and read in order. 3. [`rows`]: records in files.
//! 4. [`outbound`]: calls to addresses that somebody else chose. 5. [`jobs`]: what the service
//!    teaches the engine. 6. [`service`]: operations.

pub mod jobs;
pub mod model;
pub mod outbound;
pub mod rows;
pub mod service;
pub mod store;

pub use jobs::register;
pub use service::{Deps, Ingest, Settings};
