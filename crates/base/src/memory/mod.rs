//! The four contracts in memory: the specification that a newcomer reads first.
//!
//! Each file is the shortest program that keeps every promise of its contract, and passes the same
//! conformance suite as SQLite, DynamoDB, SQS and Redis do. Where the wording of a contract leaves
//! a doubt, what is written here settles it.
//!
//! - [`MemoryStore`] forgets everything with the process: for tests and simulations only.
//! - [`MemoryQueue`] and [`MemoryLimiter`] are also what a single process runs on: a doorbell need
//!   not outlive the process, since the sweep rings again, and a limit counts from its start.
//! - [`MemoryCache`] is the specification; the server's own is faster, not different.
//!
//! None of them waits while it holds a lock, so each is a standard mutex around plain collections.

mod cache;
mod limiter;
mod queue;
mod store;

pub use cache::MemoryCache;
pub use limiter::MemoryLimiter;
pub use queue::{DELAYED_MAX, MemoryQueue, RINGS_MAX};
pub use store::MemoryStore;
