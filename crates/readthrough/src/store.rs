//! The table, its keys and codecs; the only file that names `Store`, besides where readers are put together.
//!
//! | table | partition | sort | holds |
//! |---|---|---|---|
//! | answers | tenant, `answer`, part | resource, subject, `value` | the answer; expires when it may not be given out any more |
//! | answers | tenant, `answer`, part | resource, subject, `failure` | that its job failed lately |
//!
//! Subjects are spread over sixteen parts, which can be told without a list of them.

use std::sync::Arc;
use std::time::Duration;

use base::clock::add;
use base::store::{Body, Item, Key, StoreError, Table, When, Write};
use base::{Error, JobId, Result, Store, TenantId, key};
use jiff::Timestamp;

use crate::answer::Answer;
use crate::{Spec, Subject};

/// Answers, and that a job failed.
pub const ANSWERS: Table = Table("answers");
/// Every table of this crate.
pub const TABLES: [Table; 1] = [ANSWERS];

const PARTS: u32 = 16;
/// How often an answer is stored in the place of one that was just stored there.
const KEEPS_MAX: usize = 4;
const VERSION: i64 = 1;

/// Every partition of a tenant, for whoever deletes the tenant.
pub fn partitions(tenant: &TenantId) -> Vec<(Table, String)> {
    (0..PARTS).map(|part| (ANSWERS, partition(tenant, part))).collect()
}

fn partition(tenant: &TenantId, part: u32) -> String {
    key![tenant, "answer", part]
}

/// What is stored of a subject.
pub(crate) struct Stored {
    pub(crate) answer: Option<Answer>,
    /// Holds as long as the answer is the one that was seen.
    pub(crate) unchanged: When,
    /// The job that failed, and when another is made.
    pub(crate) failed: Option<Failed>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed {
    pub(crate) job: JobId,
    pub(crate) until: Timestamp,
}

/// A resource's place in the store.
#[derive(Clone)]
pub(crate) struct Shelf {
    store: Arc<dyn Store>,
}

impl Shelf {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    fn key(tenant: &TenantId, spec: &Spec, subject: &Subject, what: &str) -> Key {
        let parts = subject.parts().iter().map(|part| part as &dyn base::key::KeyPart);
        let about = base::key::join(&parts.collect::<Vec<_>>());
        let digest = blake3::hash(about.as_bytes());
        let part = u32::from(digest.as_bytes()[0]) % PARTS;
        // The subject's own parts stand in the sort key as they are: it is joined already.
        let sort = [key![spec.name], about, key![what]].join(&base::key::SEPARATOR.to_string());
        Key::new(ANSWERS, partition(tenant, part), sort)
    }

    pub(crate) async fn look(&self, tenant: &TenantId, spec: &Spec, subject: &Subject) -> Result<Stored, StoreError> {
        let keys = ["value", "failure"].map(|what| Self::key(tenant, spec, subject, what));
        let mut items = self.store.get_many(&keys).await?.into_iter();
        let (value, failure) = (items.next().flatten(), items.next().flatten());
        let unchanged = value.as_ref().map_or(When::Absent, Item::unchanged);
        // What another version wrote is computed anew.
        let answer = value.filter(|item| item.int("v") == VERSION).and_then(answer);
        Ok(Stored { answer, unchanged, failed: failure.and_then(failed) })
    }

    /// The conditions that what was seen is still what is stored, and that no job has failed since.
    pub(crate) fn checks(tenant: &TenantId, spec: &Spec, subject: &Subject, seen: &Stored) -> Vec<Write> {
        [("value", seen.unchanged.clone()), ("failure", When::Absent)]
            .map(|(what, when)| Write::check(Self::key(tenant, spec, subject, what), when))
            .to_vec()
    }

    /// To be written: an answer.
    ///
    /// # Errors
    /// `Internal` for a text that is none.
    pub(crate) fn put(tenant: &TenantId, spec: &Spec, subject: &Subject, answer: &Answer) -> Result<Write> {
        let text = answer.text.as_ref().map(|text| String::from_utf8(text.to_vec()).map_err(Error::internal));
        let body = Body { data: text.transpose()?, ..Body::default() };
        let body = body
            .with("v", VERSION)
            .with("at", answer.at.as_microsecond())
            .with("stamp", i64::try_from(answer.stamp).unwrap_or(i64::MAX));
        let kept = if answer.text.is_some() { spec.kept() } else { Some(spec.absence) };
        let body = match kept {
            Some(kept) => body.expiring(add(answer.at, kept)),
            None => body,
        };
        Ok(Write::put(Self::key(tenant, spec, subject, "value"), body))
    }

    /// Stores an answer in the place of what was seen, unless a newer one is there by now. Returns the one
    /// that is stored.
    ///
    /// # Errors
    /// What the store fails with, and the answer.
    pub(crate) async fn keep(
        &self,
        tenant: &TenantId,
        spec: &Spec,
        subject: &Subject,
        (mut answer, mut seen): (Answer, Stored),
    ) -> Result<Answer, (Answer, Error)> {
        for _ in 0..KEEPS_MAX {
            match self.replace(tenant, spec, subject, (&answer, &seen)).await {
                Ok(true) => return Ok(answer),
                Ok(false) => {}
                Err(error) => return Err((answer, error)),
            }
            seen = match self.look(tenant, spec, subject).await {
                Ok(now) => now,
                Err(error) => return Err((answer, error.into())),
            };
            match &seen.answer {
                Some(theirs) if theirs.at >= answer.at => return Ok(theirs.clone()),
                theirs => answer = answer.after(theirs.as_ref()),
            }
        }
        Err((answer, Error::unavailable("an answer was replaced too often while another was stored")))
    }

    /// `false` when something else is there now than what was seen.
    async fn replace(
        &self,
        tenant: &TenantId,
        spec: &Spec,
        subject: &Subject,
        (answer, seen): (&Answer, &Stored),
    ) -> Result<bool> {
        let write = Self::put(tenant, spec, subject, answer)?.when(seen.unchanged.clone());
        match self.store.write(vec![write]).await {
            Ok(_) => Ok(true),
            Err(StoreError::Failed(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// To be written: that a job failed, which is remembered for so long.
    pub(crate) fn fail(
        tenant: &TenantId,
        spec: &Spec,
        subject: &Subject,
        (job, at, remembered): (JobId, Timestamp, Duration),
    ) -> Write {
        let until = add(at, remembered);
        let body = Body::default().with("until", until.as_microsecond()).with("job", job.to_string()).expiring(until);
        Write::put(Self::key(tenant, spec, subject, "failure"), body)
    }
}

fn answer(item: Item) -> Option<Answer> {
    let at = Timestamp::from_microsecond(item.int("at")).ok()?;
    let stamp = u64::try_from(item.int("stamp")).ok()?;
    Some(Answer::stored(item.body.data, at, stamp))
}

fn failed(item: Item) -> Option<Failed> {
    Some(Failed { job: item.text("job")?.parse().ok()?, until: Timestamp::from_microsecond(item.int("until")).ok()? })
}
