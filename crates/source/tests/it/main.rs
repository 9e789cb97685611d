//! What this crate promises beyond its contract over HTTP: windows that equal a recomputation,
//! whatever is late, repeated or killed, on stores and clocks that the tests own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends by panicking, its helpers too")]

mod contract;
mod golden;
mod heads;
mod holdings;
mod reference;
mod rolling;
mod story;
mod world;
