//! The service at its boundary: the contract on memory, and what takes time on a clock that only
//! the test moves.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod contract;
mod document;
mod export;
mod following;
