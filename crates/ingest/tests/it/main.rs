//! What this crate promises beyond its contract over HTTP: what is called, written and repeated,
//! on stores and servers that the tests own.

#![expect(clippy::unwrap_used, reason = "a test ends by panicking, its helpers too")]

mod calls;
mod contract;
mod golden;
mod guard;
mod order;
mod repetition;
mod sources;
mod upstream;
mod world;
