//! Types and rules: what a dataset is, what of a record names and orders it. Pure.
//!
//! A record is never taken apart: its text is kept byte for byte, so that integers, 38 digits, the
//! spelling of floats and the order of keys survive. All that is looked up in it are the values at
//! a few [`Path`]s, by one pass that builds nothing else.
//!
//! 1. [`path`]: where in a record; [`find`]: the values there, as slices of the record's own text.
//! 2. [`scalar`]: a value that can name or order a record, and the text that sorts as it does.
//! 3. [`record`]: identity, place and shard of one record; [`redact`]: what a caller may not see.
//! 4. [`dataset`]: the noun; [`source`]: where its records come from; [`table`]: if that is a table.
//! 5. [`answer`]: what a foreign answer is, by its shape. [`run`]: what was asked of a run and how
//!    it went.

pub mod answer;
pub mod dataset;
pub mod find;
pub mod path;
pub mod record;
pub mod redact;
pub mod run;
pub mod scalar;
pub mod source;
pub mod table;

pub use answer::Shape;
pub use dataset::{Dataset, Definition, Name, Rule};
pub use path::Path;
pub use record::{Layout, Malformed, Record, SHARDS};
pub use run::{CallError, Sizes, Status};
pub use source::Source;
pub use table::TableName;
