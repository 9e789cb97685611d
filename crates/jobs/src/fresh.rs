//! Rows that this process has just written, so that claiming them need not read them.
//!
//! Most tasks are claimed by the process that enqueued them, moments later. What it remembers is a
//! guess: the claim is made on the condition that the row is still of the remembered version, and
//! one that is refused reads the row as every other claim does. Where there is no room the oldest is
//! forgotten, or the first of a tenant's very many tasks would have every other tenant's claims come after a
//! read, and so a round later; and what nobody claimed here for a while, somebody else did.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use base::TaskId;
use base::store::Version;

use crate::Engine;
use crate::engine::lock;
use crate::rows::task::TaskRow;

/// How many rows are remembered; each is under 2 KB.
const ROWS_MAX: usize = 4_096;
/// A row that nobody claimed for so long makes room.
const KEPT: Duration = Duration::from_secs(60);

/// The rows, and the order in which they were written.
#[derive(Debug, Default)]
pub(crate) struct Fresh {
    rows: HashMap<TaskId, (TaskRow, Version)>,
    /// Since when.
    order: VecDeque<(Duration, TaskId)>,
}

impl Engine {
    /// Remembers a row that was written and is due now.
    pub(crate) fn remember(&self, row: TaskRow, version: Version) {
        let now = self.clock.monotonic();
        let mut fresh = lock(&self.fresh);
        let Fresh { rows, order } = &mut *fresh;
        while let Some((at, task)) = order.front() {
            // Behind one that waits there may be any number that were claimed.
            let fits = rows.len() < ROWS_MAX && order.len() < 2 * ROWS_MAX;
            if fits && *at + KEPT >= now && rows.contains_key(task) {
                break;
            }
            rows.remove(task);
            order.pop_front();
        }
        order.push_back((now, row.id));
        rows.insert(row.id, (row, version));
    }

    /// What is remembered of a row, once.
    pub(crate) fn recall(&self, task: TaskId) -> Option<(TaskRow, Version)> {
        lock(&self.fresh).rows.remove(&task)
    }
}
