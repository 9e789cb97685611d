//! How runs went.
//!
//! A call that fails leaves a note under its run, replaced by the next attempt and removed by a
//! success; so when the run ends, the notes are the calls that failed for good. The status of the
//! last finished run is written with the run's end, its first thousand errors beside it in chunks.

use base::store::{Body, Bulk, Key, PAGE_MAX, Query, Write};
use base::{Error, JobId, Result, StoreExt as _, key};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{DATASETS, Shelf};
use crate::model::run::ERRORS_KEPT;
use crate::model::{CallError, Status};

/// A chunk of errors is one item; this leaves room for its keys.
const CHUNK_BYTES_MAX: usize = base::store::ITEM_BYTES_MAX - 4 * 1024;

/// The stored form of a status.
#[derive(Serialize, Deserialize)]
struct StatusRow {
    v: u32,
    status: Status,
    chunks: usize,
}

impl Shelf {
    fn failed_key(&self, job: JobId, batch: u32) -> Key {
        Key::new(DATASETS, self.partition("failed"), key![job, batch])
    }

    fn status_key(&self) -> Key {
        Key::new(DATASETS, self.partition("status"), "last")
    }

    fn errors_key(&self, job: JobId, n: usize) -> Key {
        Key::new(DATASETS, self.partition("status"), key!["errors", job, n as u64])
    }

    /// Notes that a call failed; to be written under the run's fence.
    ///
    /// # Errors
    /// `Internal` when the error has no text form.
    pub fn failed(&self, job: JobId, batch: u32, error: &CallError, until: Timestamp) -> Result<Write> {
        let body = Body::data(serde_json::to_string(error).map_err(Error::internal)?).expiring(until);
        Ok(Write::put(self.failed_key(job, batch), body))
    }

    /// What removes the note.
    pub fn mended(&self, job: JobId, batch: u32) -> Write {
        Write::delete(self.failed_key(job, batch))
    }

    /// The first thousand calls of a run that failed.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn failures(&self, job: JobId) -> Result<Vec<CallError>> {
        let mut query = Query::new(DATASETS, self.partition("failed")).prefix(base::key::prefix(&key![job]));
        query.limit = PAGE_MAX;
        let mut errors = Vec::new();
        loop {
            let slice = self.store.query(query.clone()).await?;
            for item in slice.items {
                errors.push(serde_json::from_str(item.data()).map_err(Error::internal)?);
            }
            if slice.next.is_none() || errors.len() >= ERRORS_KEPT {
                errors.truncate(ERRORS_KEPT);
                return Ok(errors);
            }
            query.after = slice.next;
        }
    }

    /// Keeps the errors of a finished run and returns what makes it the last one; nothing when a
    /// later run has finished already.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn finished(&self, status: Status, errors: &[CallError]) -> Result<Vec<Write>> {
        let before = self.status_row().await?;
        if before.as_ref().is_some_and(|before| before.status.timestamp > status.timestamp) {
            return Ok(Vec::new());
        }
        let chunks = chunked(errors)?;
        let count = chunks.len();
        let puts =
            chunks.into_iter().enumerate().map(|(n, text)| Bulk::Put(self.errors_key(status.job, n), Body::data(text)));
        self.store.bulk(DATASETS, puts.collect()).await?;
        // A run that is settled again keeps its chunks; those it has too many end with the next run.
        let old = before.filter(|before| before.status.job != status.job);
        let stale = old.into_iter().flat_map(|old| (0..old.chunks).map(move |n| (old.status.job, n)));
        let mut writes: Vec<Write> = stale.map(|(job, n)| Write::delete(self.errors_key(job, n))).collect();
        let row = StatusRow { v: 1, status, chunks: count };
        writes.push(Write::put(self.status_key(), Body::data(serde_json::to_string(&row).map_err(Error::internal)?)));
        Ok(writes)
    }

    async fn status_row(&self) -> Result<Option<StatusRow>> {
        let Some(item) = self.store.get(self.status_key()).await? else { return Ok(None) };
        serde_json::from_str(item.data()).map(Some).map_err(Error::internal)
    }

    /// How the last finished run went, and its first thousand errors.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn status(&self) -> Result<Option<(Status, Vec<CallError>)>> {
        let Some(row) = self.status_row().await? else { return Ok(None) };
        let keys: Vec<Key> = (0..row.chunks).map(|n| self.errors_key(row.status.job, n)).collect();
        let mut errors = Vec::new();
        for item in self.store.get_all(&keys).await?.into_iter().flatten() {
            let chunk: Vec<CallError> = serde_json::from_str(item.data()).map_err(Error::internal)?;
            errors.extend(chunk);
        }
        Ok(Some((row.status, errors)))
    }
}

/// Texts of JSON lists, each short enough to be one item.
fn chunked(errors: &[CallError]) -> Result<Vec<String>> {
    let mut chunks: Vec<String> = Vec::new();
    for error in errors {
        let text = serde_json::to_string(error).map_err(Error::internal)?;
        match chunks.last_mut() {
            Some(chunk) if chunk.len() + text.len() + 2 <= CHUNK_BYTES_MAX => {
                chunk.push(',');
                chunk.push_str(&text);
            }
            _ => chunks.push(format!("[{text}")),
        }
    }
    for chunk in &mut chunks {
        chunk.push(']');
    }
    Ok(chunks)
}
