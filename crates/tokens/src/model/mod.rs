//! Types and rules; pure.
//!
//! - [`chain`]: which chains there are. [`address`]: where a token is on one. [`chart`]: candles, and what
//!   a chart says of them.

pub mod address;
pub mod chain;
pub mod chart;

pub use address::Address;
pub use chain::Chain;
pub use chart::{Candle, Chart, Frequency, Market};
