//! Calls to addresses that somebody else chose.
//!
//! - [`guard`]: which addresses may be called at all, decided before anything is sent.
//! - [`call`]: one call, bounded in time and size, over connections to vetted addresses only.
//! - [`pace`]: how often and how many at once.
//! - [`tables`]: tables of DynamoDB, which somebody else reads for us.

pub mod call;
pub mod guard;
pub mod pace;
pub mod tables;

pub use call::{Answer, Caller, Trouble};
pub use guard::{Authority, Guard};
pub use pace::Paces;
pub use tables::Tables;
