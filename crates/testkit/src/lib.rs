//! For tests only: a client of the HTTP API, a shim that cuts the power, and AWS on a bad day.

#![expect(clippy::expect_used, reason = "only tests call this crate, and a test ends by panicking")]
#![cfg_attr(
    feature = "server",
    expect(clippy::panic, reason = "only tests call this crate, and a test ends by panicking")
)]

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "server")]
mod client;
mod shim;

#[cfg(feature = "server")]
pub use client::{Answer, Client};
pub use shim::{Shim, Syncs};
