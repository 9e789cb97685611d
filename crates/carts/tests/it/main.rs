//! What this crate promises beyond its contract over HTTP: nothing is left of what is deleted, nor
//! comes back, and old stored forms are read.

#![expect(clippy::unwrap_used, reason = "a test ends by panicking, its helpers too")]

mod contract;
mod deleted;
mod golden;
mod holdings;
mod running;
mod world;
