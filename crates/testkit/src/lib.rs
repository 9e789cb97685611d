//! For tests only: an in-process server, a process killer, a power-cut shim.

#![expect(clippy::expect_used, clippy::panic, reason = "only tests call this crate, and a test ends by panicking")]

mod client;

pub use client::{Answer, Client};
