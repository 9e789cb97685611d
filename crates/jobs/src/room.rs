//! Tasks that wait until their kind's concurrency has room.
//!
//! A claim that finds all places of its kind taken is not tried again at once, nor is its task rung
//! for by sweeps: it waits here, in order, until a run of the kind ends in this process. Since
//! places are also given back by other processes, each sweep lets one task of every kind try.
//! What does not fit is forgotten; the sweep finds it.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;

use base::{TaskId, TenantId};

use crate::engine::lock;
use crate::{Engine, Run};

/// How many tasks are remembered.
const TASKS_MAX: usize = 100_000;

/// Who waits for which kind.
#[derive(Debug, Default)]
pub(crate) struct Room {
    tasks: HashSet<TaskId>,
    by_kind: BTreeMap<(TenantId, String), VecDeque<TaskId>>,
}

impl Room {
    pub(crate) fn is_awaited_by(&self, task: TaskId) -> bool {
        self.tasks.contains(&task)
    }

    fn add(&mut self, tenant: &TenantId, kind: String, task: TaskId) {
        if self.tasks.len() < TASKS_MAX && self.tasks.insert(task) {
            self.by_kind.entry((tenant.clone(), kind)).or_default().push_back(task);
        }
    }

    fn take(&mut self, tenant: &TenantId, kind: &str) -> Option<TaskId> {
        let key = (tenant.clone(), kind.to_owned());
        let waiting = self.by_kind.get_mut(&key)?;
        let task = waiting.pop_front();
        if waiting.is_empty() {
            self.by_kind.remove(&key);
        }
        task.inspect(|task| {
            self.tasks.remove(task);
        })
    }
}

impl Engine {
    /// Has a task wait for room.
    pub(crate) fn wait_for_room(&self, tenant: &TenantId, kind: String, task: TaskId) {
        lock(&self.room).add(tenant, kind, task);
    }

    /// A run that held a place has ended: the next in line may try.
    pub(crate) async fn room_made_by(&self, run: &Run) {
        if run.slot.is_none() {
            return;
        }
        let (kind, priority) = {
            let row = lock(&run.row);
            (row.kind.clone(), row.priority)
        };
        let next = lock(&self.room).take(run.tenant(), &kind);
        self.ring(run.tenant(), priority, next.map(|task| (task, Duration::ZERO))).await;
    }

    /// Lets one task of every kind try, in case another process has made room.
    pub(crate) async fn room_elsewhere(&self) {
        let kinds: Vec<_> = lock(&self.room).by_kind.keys().cloned().collect();
        for (tenant, kind) in kinds {
            let next = lock(&self.room).take(&tenant, &kind);
            // Whichever topic carries it, the claim goes by the task's row.
            self.ring(&tenant, crate::Priority::Normal, next.map(|task| (task, Duration::ZERO))).await;
        }
    }
}
