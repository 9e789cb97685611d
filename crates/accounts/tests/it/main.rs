//! What this crate promises beyond its contract over HTTP: what is read and written, when, and in
//! which order, on clocks and stores that the tests own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends by panicking")]

mod contract;
mod first_start;
mod golden;
mod identify;
mod keys;
mod races;
mod removal;
mod sign_in;
mod tokens;
mod watched;
mod world;
