//! The tests of `base`: the conformance suites on the implementations in memory, what these promise
//! beyond their contracts, and properties of the words.

mod cache;
mod json;
mod key;
mod limiter;
mod memory;
mod promises;
mod queue;
mod saboteurs;
mod words;
