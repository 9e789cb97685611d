//! Answer now, or queue it.
//!
//! The actors: a *resource* says how an answer about a *subject* is computed, and how old it may be.
//! Its *reader* gives out what the cache has, else what is stored, else has it computed: while the
//! caller waits, once for all who ask for the same, or by a job whose id the caller gets. What is stale
//! is given out and computed anew behind it.
//!
//! What is promised:
//!
//! - The store is asked before anything is computed, and an answer that a job computed is stored before
//!   it is cached.
//! - However many ask for the same at once, it is computed once in this process; by a job, once in all.
//!   A job is only made for the answer that was seen to be stale: who reads it late starts no second one.
//! - While nobody can compute it, or the store is away, the last good answer is given out for as long as
//!   its resource allows, and says so.
//!
//! Rejected: to compute in the reader's own future. It ends when the caller goes away, and with it the
//! work that others joined.
//!
//! How a maintainer could get it wrong: by making a job without the condition on what was seen (who read
//! late starts a second one), or by letting an answer that was computed earlier take the place of a later one.
//!
//! Read the modules in this order:
//!
//! 1. [`resource`]: what a service says. 2. `answer`: what is kept of a subject. [`store`] and `guess`:
//!    where. 3. `flights`: once for all who ask. 4. [`reader`]: the table of states. 5. [`refresh`]: the
//!    kind of job.

mod answer;
mod flights;
mod guess;
pub mod reader;
pub mod refresh;
pub mod resource;
pub mod store;

pub use reader::{Asked, Behind, Deps, Outcome, Reader};
pub use refresh::register;
pub use resource::{Producer, Resource, Spec, Subject};
