//! A page of a table, where another source would be called.
//!
//! A table is read in as many parts as its source may be called at once. Each part is a batch that
//! follows its pages to the end, with the place it has reached in its progress, so that a worker that
//! takes over goes on there. Everything after the reading is as for any other answer: it is staged,
//! then applied, then counted.

use std::time::Duration;

use jobs::Class;

use super::trouble::Failed;
use crate::model::TableName;
use crate::outbound::tables::{Part, TableTrouble};

/// How long a table that is asked for too much is left alone.
const THROTTLED: Duration = Duration::from_secs(5);

/// In which parts a table is read.
pub(super) fn parts(concurrency: u32) -> impl Iterator<Item = Part> {
    let of = concurrency.max(1);
    (0..of).map(move |n| Part { n, of })
}

/// What it means that a table was not read. What AWS said is for the operator: it may name what a
/// tenant has no business with.
pub(super) fn failed(table: &TableName, trouble: TableTrouble) -> Failed {
    let (class, message) = match trouble {
        TableTrouble::Missing => (Class::Permanent, format!("There is no table {table}.")),
        TableTrouble::Throttled => (Class::Limited(THROTTLED), format!("The table {table} is throttled.")),
        TableTrouble::Away(why) => {
            tracing::warn!(%table, why, "a table does not answer");
            (Class::Transient, format!("The table {table} does not answer."))
        }
        TableTrouble::Refused(why) => {
            tracing::warn!(%table, why, "a table cannot be read");
            (Class::Permanent, format!("The table {table} cannot be read."))
        }
    };
    Failed { class, message, response: None, content: None }
}
