//! The tests of `base`: the conformance suites on the implementations in memory, and properties.

mod memory;
mod promises;
