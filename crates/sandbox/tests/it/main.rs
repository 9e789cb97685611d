//! The sandbox as its users meet it: over a loopback socket, through a plain HTTP client.

#![expect(clippy::unwrap_used, reason = "a test that meets a surprise ends there")]

mod client;
mod control;
mod determinism;
mod faults;
mod forms;
mod journal;
mod limits;
