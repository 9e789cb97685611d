//! The tests of the program: every contract on every ground, and what only the whole can show.
//!
//! Grounds are [`on_file`] and [`on_cloud`]; [`server`] is the program's own composition on one of them.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod accounts;
mod bad_input;
mod carts;
mod cli;
mod cognito;
mod copies;
mod costs;
mod deploy;
mod dumps;
mod export;
mod fetch;
mod ingest;
mod lambda;
mod on_cloud;
mod on_file;
mod operations;
mod server;
mod source;
mod story;
mod tables;
mod tokens;
