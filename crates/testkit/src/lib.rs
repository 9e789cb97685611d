//! For tests only: a client of the HTTP API, and a shim that cuts the power.

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
