//! What the engine stores: tables, keys, versioned codecs. Nobody else names them.
//!
//! | table | partition | sort | item |
//! |---|---|---|---|
//! | `tasks` | tenant, `task`, id | `row` | the row that leases rewrite; under 1 KB |
//! | | | `payload`, `progress` | written once; saved by the run |
//! | `tasks` | tenant, `unique`, kind | key | who holds it, and whether to run again |
//! | `tasks` | tenant, `slots`, kind | n | who runs; expires with the lease |
//! | `tasks` | `topic`, topic | tenant | the directory: who has work, or something in the outbox |
//! | `due` | tenant, topic, shard | due, id | one for each waiting task |
//! | `due` | tenant, `parked`, job | id | tasks of a job that is paused, or waits for a place again |
//! | `jobs` | tenant, `job`, id | `head`, `params`, `cursor`, `stop` | see [`job`] |
//! | `jobs` | tenant, `counts`, id | shard | sharded counters of a job |
//! | `jobs` | tenant, `batches`, id | seq | one for each batch |
//! | `jobs` | tenant, `jobs`, index… | created, id | lists, newest last |
//! | `jobs` | tenant, `totals` | kind, status | counters of the lists |
//! | `jobs` | tenant, `policies` | kind | retry policies of the tenant |
//! | `job_logs` | see [`crate::log`] | | |
//! | `dead_letters` | tenant, `dead` (or `dead`, kind) | died at, id | letter, index |
//! | `job_logs`, `dead_letters` | tenant, `outbox`, … | at, id | see [`crate::outbox`] |
//! | `schedules` | tenant, `schedules` | name | see [`crate::schedule`] |
//!
//! Texts and task rows carry `"v": 1`; fields are named for ever; old texts are kept as golden files.

#[cfg(test)]
mod golden;
pub(crate) mod job;
pub(crate) mod task;

use base::store::{Item, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) const TASKS: Table = Table("tasks");
pub(crate) const DUE: Table = Table("due");
pub(crate) const JOBS: Table = Table("jobs");
pub(crate) const LOGS: Table = Table("job_logs");
pub(crate) const DEAD: Table = Table("dead_letters");
pub(crate) const SCHEDULES: Table = Table("schedules");

/// The version of the stored texts. Raised when an old text would be misread; then `decode` tells
/// them apart, and the old golden file stays.
const VERSION: u8 = 1;

#[derive(Serialize)]
struct Stored<'a, T> {
    v: u8,
    #[serde(flatten)]
    value: &'a T,
}

/// The stored text of a value.
pub(crate) fn encode<T: Serialize>(value: &T) -> String {
    // Our own types have text keys and finite numbers only, which JSON can always hold.
    serde_json::to_string(&Stored { v: VERSION, value }).unwrap_or_default()
}

/// A value as it was stored; `None` if it is none of ours.
pub(crate) fn decode<T: DeserializeOwned>(item: &Item) -> Option<T> {
    serde_json::from_str(item.data()).ok()
}

/// Every table of the engine, for whoever creates, backs up or lists them.
pub const TABLES: [Table; 6] = [TASKS, DUE, JOBS, LOGS, DEAD, SCHEDULES];
