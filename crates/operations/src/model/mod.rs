//! The rules; no I/O, no wire format.
//!
//! 1. [`Sight`]: which kinds of jobs a caller may see.
//! 2. [`Pace`]: how far a job is, how fast, and until when.
//! 3. [`Place`]: where a line stands in a log, as an event id.
//! 4. [`Figures`]: what the engine's counters say about a tenant.
//! 5. [`LetterId`], [`ScheduleName`]: what stands in paths.

mod figures;
mod name;
mod pace;
mod place;
mod sight;

pub use figures::Figures;
pub use name::{LetterId, ScheduleName};
pub use pace::Pace;
pub use place::{Place, Resume};
pub use sight::Sight;
