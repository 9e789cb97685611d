//! The engine at its boundary: in memory, on a clock that only the test moves.

mod lives;
mod schedules;
mod tasks;
mod world;
