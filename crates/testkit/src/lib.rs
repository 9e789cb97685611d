//! For tests only: a client of the HTTP API, doors for a service that stands alone, a shim that cuts the power,
//! what the cloud backends talk to, and a meter of what is asked of any backend.

#![expect(clippy::expect_used, reason = "only tests call this crate, and a test ends by panicking")]
#![cfg_attr(
    feature = "server",
    expect(clippy::panic, reason = "only tests call this crate, and a test ends by panicking")
)]

#[cfg(feature = "backends")]
pub mod aws;
#[cfg(feature = "server")]
mod client;
#[cfg(feature = "backends")]
pub mod copies;
#[cfg(feature = "server")]
mod doors;
#[cfg(feature = "server")]
mod meter;
#[cfg(feature = "backends")]
mod redis;
mod shim;

#[cfg(feature = "server")]
pub use client::{Answer, Client};
#[cfg(feature = "server")]
pub use doors::Doors;
#[cfg(feature = "server")]
pub use meter::{Bill, Meter};
#[cfg(feature = "backends")]
pub use redis::Redis;
pub use shim::{Shim, Syncs};
