//! The HTTP kit at its boundary: a small service, called in process, or over a socket where the
//! framing is what matters.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test a panic is the verdict; clippy knows only the functions marked as tests"
)]

mod access;
mod bodies;
mod browsers;
mod document;
mod framing;
mod health;
mod idempotency;
mod limits;
mod lists;
mod problems;
mod server;
mod service;
mod telemetry;
mod whole;
