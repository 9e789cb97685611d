//! Store, cache and limiter of a single process, on one SQLite file.
//!
//! [`SqliteStore`] is the store that Freight uses when nothing is configured. It promises what
//! `base::store` promises, and pays for it like this: a write returns after its commit was
//! fsynced, and many writes share an fsync; each row carries checksums that are verified at each
//! read, so that damage is an error and never an answer; and the first commit whose outcome is
//! unknown ends all writing until the file is opened afresh.
//!
//! Callers talk to threads. One thread writes; a few read. Nobody else touches the file:
//!
//! ```text
//! write, bulk ──► mailbox ──► writer: one transaction for all that waits, one commit, answers;
//!                                     then a checkpoint and a piece of the sweep
//! get, query  ──► mailbox ──► readers: read-only, time-boxed
//! ```
//!
//! Read the modules in this order:
//!
//! 1. `row`: what a row holds, byte by byte. `sums`: its checksums.
//! 2. `select`: reading rows, verified. `apply`: one write, judged and applied.
//! 3. `mailbox`, `writer`, `reader`, `sweep`, `health`: the threads.
//! 4. `lock`, `file`: one process, one file, whose it is.
//! 5. `store`: the contract over all that.
//! 6. `offline`: backup, check, restore.
//! 7. `cache`: guesses in memory.

mod apply;
mod cache;
mod file;
mod health;
mod lock;
mod mailbox;
mod offline;
mod reader;
mod row;
mod select;
mod store;
mod sums;
mod sweep;
mod writer;

pub use base::memory::MemoryLimiter as EmbeddedLimiter;
pub use cache::EmbeddedCache;
pub use file::FileError;
pub use offline::{Offline, Report};
pub use store::{OpenOptions, SqliteStore};
