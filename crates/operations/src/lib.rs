//! Every job, log and dead letter, whatever service it belongs to.
//!
//! Other services make jobs; this one lets people and programs see and steer them. It keeps
//! nothing of its own: each answer is read from the engine ([`jobs::Engine`]), each order is one
//! operation of the engine. What it adds is who may see what ([`model::Sight`]), how a log is
//! followed without a line missed or told twice ([`service::Operations::job_events`]), and the
//! wire format.
//!
//! Read the modules in this order:
//!
//! 1. [`model`]: the rules; no I/O, no wire format.
//! 2. [`service`]: the operations: who may, then what.
//! 3. [`export`]: what is taken to other systems. 4. `http`: wire types and handlers.
//! 5. `contract` (feature `contract`): what is promised over HTTP, as cases that run on any store.

#[cfg(feature = "contract")]
pub mod contract;
pub mod export;
mod http;
pub mod model;
pub mod service;

pub use export::Export;
pub use service::{Act, Audit, Deps, Operations};
