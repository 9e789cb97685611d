//! The Freight server: command line, configuration, composition.
//!
//! Read the modules in this order:
//!
//! 1. [`config`]: what is set, where it was said, and what is wrong with it.
//! 2. [`telemetry`]: what the process says about itself.
//! 3. [`cli`]: the commands.

pub mod cli;
pub mod config;
pub mod telemetry;
