//! Readers at their boundary: on memory, on a clock that only the test moves.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says where")]

mod demands;
mod golden;
mod inline;
mod outages;
mod queued;
mod world;
