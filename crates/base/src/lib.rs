//! The words every crate of Freight speaks, and the four contracts it is built on.
//!
//! Read the modules in this order:
//!
//! 1. [`error`]: the one domain error; it knows no HTTP.
//! 2. [`id`]: typed identifiers. [`ctx`]: who asks, for which tenant, with which scopes, and when.
//! 3. [`clock`], [`decimal`], [`secret`], [`page`], [`freshness`], [`kept`]: small words.
//! 4. [`mod@key`]: keys of a store, built from parts so that text order is the order of the parts.
//! 5. [`json`]: the one validating pass over a body that a stranger sent.
//! 6. [`store`], [`queue`], [`cache`], [`limiter`]: the contracts. Only what SQLite *and*
//!    DynamoDB, SQS and Redis can both promise is in them.
//! 7. [`memory`]: each contract in memory; the specification a newcomer reads first.
//! 8. [`fault`]: a store that fails in all the ways a store can. [`intercept`]: one that is watched or bent.
//! 9. `conformance` (feature `conformance`): one function for each promise.

pub mod cache;
pub mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod ctx;
pub mod decimal;
pub mod error;
pub mod fault;
pub mod freshness;
pub mod id;
pub mod intercept;
pub mod json;
pub mod kept;
pub mod key;
pub mod limiter;
pub mod memory;
pub mod page;
pub mod queue;
pub mod secret;
pub mod store;

pub use cache::Cache;
pub use clock::Clock;
pub use ctx::{Ctx, Environment, Principal, Scope, Scopes};
pub use decimal::Decimal;
pub use error::{Error, ErrorKind, Result};
pub use freshness::Freshness;
pub use id::{JobId, RequestId, TaskId, TenantId};
pub use kept::Kept;
pub use limiter::Limiter;
pub use page::Page;
pub use queue::Queue;
pub use secret::Secret;
pub use store::{Store, StoreExt};
