//! Codes, and how often somebody is written to.
//!
//! Anybody can type anybody's address. So a user is written to at most once a minute and five times an
//! hour, whatever is asked for; and a code is good for five tries, each of which is charged before the
//! code is looked at: of many tries that arrive together, five are looked at.

use std::time::Duration;

use base::store::{StoreError, When, Write};
use base::{Error, Result, Secret, clock};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::{Letter, Local, Pending, Purpose, User};
use crate::identity::{Code, Email, wrong_code};
use crate::store::Stored;

/// Between two letters to one user.
const PAUSE: Duration = Duration::from_secs(60);
/// So many letters to one user…
const LETTERS_MAX: u32 = 5;
/// …in so long.
const WINDOW: Duration = Duration::from_secs(3_600);
/// So many tries has a code.
const TRIES_MAX: u32 = 5;

const CONFIRM_LIFE: Duration = Duration::from_secs(24 * 3_600);
const RESET_LIFE: Duration = Duration::from_secs(3_600);

/// How often a user was written to lately.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Written {
    count: u32,
    since: Timestamp,
    last: Timestamp,
}

impl Written {
    /// The first letter ever.
    pub(super) const fn first(now: Timestamp) -> Self {
        Self { count: 1, since: now, last: now }
    }

    /// What it is after one more; `None` if there were enough.
    fn one_more(&self, now: Timestamp) -> Option<Self> {
        if now >= clock::add(self.since, WINDOW) {
            return Some(Self::first(now));
        }
        let due = self.count < LETTERS_MAX && now >= clock::add(self.last, PAUSE);
        due.then(|| Self { count: self.count + 1, since: self.since, last: now })
    }
}

impl Local {
    /// The write that charges one more letter to a user, and whether one is due. If not, it changes nothing.
    pub(super) async fn letter_due(&self, user: &User, now: Timestamp) -> Result<(Write, bool)> {
        let written = self.0.rows.written(user).await?;
        let when = written.as_ref().map_or(When::Absent, Stored::unchanged);
        let (after, due) = match written.map(|written| written.value) {
            None => (Written::first(now), true),
            Some(before) => before.one_more(now).map_or((before, false), |after| (after, true)),
        };
        Ok((self.0.rows.written_put(user, &after, clock::add(after.last, WINDOW), when), due))
    }

    /// A new code, the write that keeps it, and the letter that tells it.
    pub(super) fn code(&self, user: &User, to: &Email, purpose: Purpose, now: Timestamp) -> (Write, Letter) {
        let (life, subject, what, hours) = match purpose {
            Purpose::Confirm => (CONFIRM_LIFE, "Confirm your email address", "confirm your email address", 24),
            Purpose::Reset => (RESET_LIFE, "Set another password", "set another password", 1),
        };
        let code = Code::random();
        let pending = Pending { hash: hash(user, &code), tries: 0, expires_at: clock::add(now, life) };
        let text = format!(
            "{} is your code to {what}. It is good for {hours} h.\n\nIf you did not ask for it, do nothing.\n",
            code.expose()
        );
        let letter = Letter { to: to.clone(), subject, text: Secret::new(text) };
        (self.0.rows.pending_put(user, purpose, &pending, When::Always), letter)
    }

    /// Charges a try, and then looks whether it is the code; the write that uses it up.
    ///
    /// # Errors
    /// [`wrong_code`].
    pub(super) async fn code_try(&self, user: &User, purpose: Purpose, code: &Code, now: Timestamp) -> Result<Write> {
        let pending = self.0.rows.pending(user, purpose).await?.ok_or_else(wrong_code)?;
        if pending.value.tries >= TRIES_MAX || now >= pending.value.expires_at {
            return Err(wrong_code());
        }
        let tried = Pending { tries: pending.value.tries + 1, ..pending.value.clone() };
        let charge = self.0.rows.pending_put(user, purpose, &tried, pending.unchanged());
        let version = match self.0.rows.commit(vec![charge]).await {
            Ok(version) => version,
            // Somebody else tried at the same time: theirs counts, ours is not looked at.
            Err(StoreError::Failed(_)) => return Err(wrong_code()),
            Err(error) => return Err(error.into()),
        };
        if bool::from(hash(user, code).ct_eq(&pending.value.hash)) {
            Ok(self.0.rows.pending_delete(user, purpose, When::Version(version)))
        } else {
            Err(wrong_code())
        }
    }

    /// Delivers a letter beside the request: its answer may not tell whether there was one.
    pub(super) fn send(&self, letter: Letter) {
        let local = self.clone();
        self.beside(async move {
            let Some(post) = &local.0.settings.post else { return Ok(()) };
            post.deliver(&letter).await
        });
    }

    /// Does something beside the request; when too much is done so already, it is not done, and the
    /// user asks again.
    pub(super) fn beside(&self, work: impl Future<Output = Result<()>> + Send + 'static) {
        let Ok(place) = self.0.beside.clone().try_acquire_owned() else {
            tracing::warn!("too many letters at once: one was not written");
            return;
        };
        self.0.tasks.spawn(async move {
            if let Err(error) = work.await {
                tracing::warn!(%error, "a letter was not delivered");
            }
            drop(place);
        });
    }
}

fn hash(user: &User, code: &Code) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(user.id.as_bytes());
    hasher.update(code.expose().as_bytes());
    *hasher.finalize().as_bytes()
}

/// Refuses where nobody could be told a code.
pub(super) fn no_post() -> Error {
    let text = "Nobody can sign up: this server has nobody to send codes by. Its operator sets auth.smtp_uri, or runs it on a terminal.";
    Error::new(base::ErrorKind::Forbidden, text)
}
