//! The service on memory.

#![expect(clippy::unwrap_used, reason = "a test ends by panicking")]

mod contract;
mod world;
