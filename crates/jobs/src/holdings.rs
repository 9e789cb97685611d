//! Which partitions of the store hold something of a tenant, for whoever deletes the tenant.
//!
//! Tasks, jobs and dead letters have partitions of their own, found through the lists that name
//! them; those lists come after what they name, so that a deletion that was cut short finds the
//! rest again.

use base::store::{Query, Table};
use base::{JobId, Page, Result, TaskId, TenantId};

use crate::model::{JobStatus, Priority, Stream};
use crate::prune::job_partitions;
use crate::rows::job::{
    finished_key, index_all, index_by_kind, index_by_kind_status, index_by_status, job_slot_key, totals_partition,
};
use crate::rows::task::{
    DUE_SHARDS, due_partition, parked_partition, row_key, slot_key, task_of_sort, topic_name, unique_key,
};
use crate::rows::{DEAD, DUE, JOBS, LOGS, SCHEDULES, TASKS};
use crate::{Engine, dead, log, outbox, policies, schedule, stats};

/// How many entries of a list are looked at for one page.
const PAGE: usize = 50;

impl Engine {
    /// A page of the tenant's partitions, from `after` on; what lists others comes last.
    ///
    /// # Errors
    /// What the store says.
    pub async fn partitions(&self, tenant: &TenantId, after: Option<String>) -> Result<Page<(Table, String)>> {
        let lists = lists(tenant);
        let (at, inside) = place(after.as_deref());
        let Some((table, partition)) = lists.get(at) else {
            return Ok(Page { items: self.fixed(tenant, lists), next: None });
        };
        let slice = self.store.query(Query::new(*table, partition.clone()).limit(PAGE).after(inside)).await?;
        let items = slice.items.iter().flat_map(|item| named_by(tenant, *table, &item.key.sort)).collect();
        let next = match slice.next {
            Some(sort) => format!("{at} {sort}"),
            None => format!("{} ", at + 1),
        };
        Ok(Page { items, next: Some(next) })
    }

    /// The partitions that follow from the tenant and the kinds alone, the lists last.
    fn fixed(&self, tenant: &TenantId, lists: Vec<(Table, String)>) -> Vec<(Table, String)> {
        let kinds = self.registry.jobs.keys().chain(self.registry.tasks.keys());
        let mut all = Vec::new();
        for kind in kinds {
            all.push((TASKS, unique_key(tenant, kind, "").partition));
            all.push((TASKS, slot_key(tenant, kind, 0).partition));
            all.push((DEAD, dead::index_by_kind(tenant, kind)));
            all.push((JOBS, index_by_kind(tenant, kind)));
            all.extend(JobStatus::ALL.iter().map(|status| (JOBS, index_by_kind_status(tenant, kind, *status))));
        }
        all.extend(JobStatus::ALL.iter().map(|status| (JOBS, index_by_status(tenant, *status))));
        all.extend(Stream::ALL.iter().map(|stream| (LOGS, log::journal_partition(tenant, *stream))));
        let finished = finished_key(tenant, jiff::Timestamp::UNIX_EPOCH, JobId::new(uuid::Uuid::nil()));
        all.extend([
            (LOGS, outbox::lines_partition(tenant)),
            (DEAD, outbox::letters_partition(tenant)),
            (JOBS, finished.partition),
            (JOBS, job_slot_key(tenant, 0).partition),
            (JOBS, policies::partition(tenant)),
            (JOBS, stats::partition(tenant)),
            (JOBS, totals_partition(tenant)),
            (SCHEDULES, schedule::partition(tenant)),
        ]);
        all.extend(lists);
        all
    }
}

/// The lists whose entries name partitions.
fn lists(tenant: &TenantId) -> Vec<(Table, String)> {
    let mut lists = Vec::new();
    for priority in Priority::ALL {
        let topic = topic_name(*priority);
        lists.extend((0..DUE_SHARDS).map(|shard| (DUE, due_partition(tenant, topic, shard))));
    }
    lists.push((JOBS, index_all(tenant)));
    lists.push((DEAD, dead::index_all(tenant)));
    lists
}

fn named_by(tenant: &TenantId, table: Table, sort: &str) -> Vec<(Table, String)> {
    let Some(id) = task_of_sort(sort) else { return Vec::new() };
    if table == DUE {
        return vec![(TASKS, row_key(tenant, id).partition)];
    }
    if table == DEAD {
        return vec![(DEAD, dead::letter_key(tenant, id).partition)];
    }
    let job = JobId::new(TaskId::uuid(id));
    let mut partitions = job_partitions(tenant, job);
    partitions.push((DUE, parked_partition(tenant, job)));
    partitions
}

/// Which list, and where in it.
fn place(after: Option<&str>) -> (usize, Option<String>) {
    let (list, sort) = after.and_then(|after| after.split_once(' ')).unwrap_or(("0", ""));
    (list.parse().unwrap_or(0), (!sort.is_empty()).then(|| sort.to_owned()))
}

#[cfg(test)]
mod tests {
    use base::key;

    use super::*;

    #[test]
    fn a_place_is_read_back() {
        assert_eq!(place(None), (0, None));
        assert_eq!(place(Some("3 ")), (3, None));
        assert_eq!(place(Some(&format!("3 {}", key!["a", "b"]))), (3, Some(key!["a", "b"])));
    }
}
