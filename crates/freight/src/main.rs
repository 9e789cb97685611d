//! Freight.
fn main() {}
