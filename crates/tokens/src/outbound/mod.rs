//! Who is asked.
//!
//! - [`gecko`]: GeckoTerminal, about markets.

pub mod gecko;
