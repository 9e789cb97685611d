//! For tests only: an in-process server, a process killer, a power-cut shim.

#![expect(clippy::expect_used, reason = "only tests call this crate, and a test ends by panicking")]
#![cfg_attr(
    feature = "server",
    expect(clippy::panic, reason = "only tests call this crate, and a test ends by panicking")
)]

#[cfg(feature = "server")]
mod client;
mod shim;

#[cfg(feature = "server")]
pub use client::{Answer, Client};
pub use shim::{Shim, Syncs};
