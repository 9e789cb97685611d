//! The tests of the cloud backends, on emulators that behave badly when told to.

#![expect(clippy::unwrap_used, reason = "a test ends by panicking")]

mod dynamo;
mod logs;
mod moto;
mod outage;
mod redis;
mod sqs;
mod weather;
