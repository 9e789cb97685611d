//! What the audit remembers.
//!
//! An event is one change: who, what, to what. It is written by the same transaction as the
//! change, so neither is ever there without the other. A refusal is no event of its own, or
//! whoever is refused could fill the store: refusals are counted by the minute.

use base::Ctx;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What happened, as the operation that did it says.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// What was done, such as `key.created`: the thing, a dot, a verb of the past.
    pub action: &'static str,
    /// To what: an id, never a secret.
    pub subject: String,
    /// What else a reader of the audit wants to know; never a secret.
    pub details: serde_json::Map<String, serde_json::Value>,
}

impl NewEvent {
    /// This was done to `subject`.
    pub fn new(action: &'static str, subject: impl Into<String>) -> Self {
        Self { action, subject: subject.into(), details: serde_json::Map::new() }
    }

    /// Adds what else a reader wants to know.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// The event as it is remembered. Its id derives from the request, so that a request that is
    /// run again remembers it once; an operation that does the same to one subject twice must
    /// give each its own subject or action.
    pub(crate) fn by(self, ctx: &Ctx) -> Event {
        Event {
            id: ctx.uuid(&format!("audit {} {}", self.action, self.subject)),
            at: ctx.now(),
            action: self.action.to_owned(),
            actor: ctx.principal.as_str().to_owned(),
            subject: self.subject,
            request_id: ctx.request_id.as_str().to_owned(),
            details: self.details,
        }
    }
}

/// One change, remembered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Names the event.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// What was done.
    pub action: String,
    /// By whom.
    pub actor: String,
    /// To what.
    pub subject: String,
    /// In which request.
    pub request_id: String,
    /// What else there is to know.
    #[serde(default)]
    pub details: serde_json::Map<String, serde_json::Value>,
}

/// How often one refusal was given in one minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denials {
    /// The minute, by its first instant.
    pub minute: Timestamp,
    /// Why it was refused.
    pub reason: String,
    /// How often, at least: a process that dies forgets the last few seconds.
    pub count: i64,
}

/// One line of the audit.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A change.
    Event(Event),
    /// Refusals.
    Denials(Denials),
}
