//! Types and rules: what a record is, what is measured in it, what a window says. Pure.
//!
//! A record is kept as the text it came as. What is counted are its *readings*: every number in it,
//! by its dotted path. Figures of a stretch of time are a [`Partial`]; two partials that follow each
//! other merge into the one of both, so a long window is the merge of a few.
//!
//! 1. [`series`]: the name of a stream. [`instant`]: the time of a record, and its place in order.
//! 2. [`record`]: what is kept; [`reading`]: what is measured in it.
//! 3. [`sketch`], [`figures`], [`partial`]: what is known of many readings, and how that merges.
//! 4. [`level`]: minutes, hours, days. [`span`]: which of them a window is made of.
//! 5. [`step`]: how a window is cut into buckets, by length or by the calendar of a zone.
//! 6. [`event`]: who asked for what.

pub mod event;
pub mod figures;
pub mod instant;
pub mod level;
pub mod partial;
pub mod reading;
pub mod record;
pub mod series;
pub mod sketch;
pub mod span;
pub mod step;

pub use event::Event;
pub use figures::Figures;
pub use level::Level;
pub use partial::{Detail, Partial};
pub use record::Record;
pub use series::Name;
pub use span::{Grain, Span};
pub use step::Step;
