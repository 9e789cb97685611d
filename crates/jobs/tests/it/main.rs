//! The engine at its boundary: in memory, on a clock that only the test moves.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says where")]

mod faults;
mod inline;
mod lives;
mod pruning;
mod schedules;
mod tasks;
mod turns;
mod world;
