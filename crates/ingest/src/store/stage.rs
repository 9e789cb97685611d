//! Answers that were received and are not yet applied.
//!
//! An answer is kept before any record of it is written, under the fence of the run that received
//! it. From then on whoever repeats the batch applies what is kept: the foreign API is asked once,
//! and random answers do not change under a repetition.

use base::store::{Body, Item, Key, Query, StoreError, Write};
use base::{JobId, StoreExt as _, key};

use super::{DATASETS, Shelf};

/// A chunk is one item; this leaves room for its keys.
const CHUNK_BYTES_MAX: usize = base::store::ITEM_BYTES_MAX - 4 * 1024;
/// At most so many bytes of chunks in one transaction, with room for what the engine adds.
const TRANSACTION_BYTES_MAX: usize = 3 << 20;

/// One step of a call: which run, which batch, which page of it.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The run.
    pub job: JobId,
    /// The batch.
    pub batch: u32,
    /// The page, for batches that follow pages.
    pub page: u32,
}

/// The records of an answer as texts of JSON lists, each short enough to be one item.
pub fn chunks<'a>(records: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut chunks: Vec<String> = Vec::new();
    for record in records {
        match chunks.last_mut() {
            Some(chunk) if chunk.len() + record.len() + 2 <= CHUNK_BYTES_MAX => chunk.push(','),
            _ => chunks.push("[".to_owned()),
        }
        if let Some(chunk) = chunks.last_mut() {
            chunk.push_str(record);
        }
    }
    for chunk in &mut chunks {
        chunk.push(']');
    }
    chunks
}

impl Shelf {
    fn stage_key(&self, step: Step, n: usize) -> Key {
        let sort = key![step.job, step.batch, step.page, n as u64];
        Key::new(DATASETS, self.partition("stage"), sort)
    }

    /// Keeps the chunks of an answer and returns the last writes, which the caller makes together
    /// with the mark that the answer is complete.
    ///
    /// # Errors
    /// What the store fails with; `Failed` when the fence did not hold.
    pub async fn stage(&self, step: Step, chunks: Vec<String>, fence: &Write) -> Result<Vec<Write>, StoreError> {
        let mut waiting = Vec::new();
        let mut bytes = 0;
        for (n, chunk) in chunks.into_iter().enumerate() {
            if bytes + chunk.len() > TRANSACTION_BYTES_MAX {
                waiting.push(fence.clone());
                self.store.write(std::mem::take(&mut waiting)).await?;
                bytes = 0;
            }
            bytes += chunk.len();
            waiting.push(Write::put(self.stage_key(step, n), Body::data(chunk)));
        }
        Ok(waiting)
    }

    /// The `n`-th chunk of a kept answer.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn staged(&self, step: Step, n: usize) -> Result<Option<Item>, StoreError> {
        self.store.get(self.stage_key(step, n)).await
    }

    /// What removes a kept answer of so many chunks.
    pub fn unstage(&self, step: Step, chunks: usize) -> Vec<Write> {
        (0..chunks).map(|n| Write::delete(self.stage_key(step, n))).collect()
    }

    /// How many chunks of answers are kept.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn staged_count(&self) -> Result<usize, StoreError> {
        Ok(self.store.query_all(Query::new(DATASETS, self.partition("stage"))).await?.len())
    }
}
