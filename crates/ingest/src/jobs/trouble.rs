//! What a failed call means: for the run, for the status, for whoever reads the dead letter.

use std::time::Duration;

use base::Secret;
use jobs::{Class, Failure};
use serde_json::json;

use crate::model::run::{BODY_KEPT_BYTES, STATUS_BODY_KEPT_BYTES, cut};
use crate::model::{CallError, Name};
use crate::outbound::{Answer, Trouble};

/// How long to wait when a server says it is asked too often, but not for how long.
const LIMITED: Duration = Duration::from_secs(5);
/// What stands where a credential stood.
const MASK: &str = "***";

/// A call that failed, and whether another try makes sense.
#[derive(Debug)]
pub struct Failed {
    /// What to do about it.
    pub class: Class,
    /// What went wrong, in the words of the seed.
    pub message: String,
    /// The status, if any was answered.
    pub response: Option<u16>,
    /// The body, if any was answered.
    pub content: Option<String>,
}

impl Failed {
    /// Nothing came back.
    pub fn trouble(trouble: &Trouble) -> Self {
        let (class, message) = match trouble {
            Trouble::Refused(refusal) => (Class::Permanent, format!("The address may not be called: {refusal}.")),
            Trouble::TooLarge => (Class::Permanent, "The answer is larger than 10 MB.".to_owned()),
            Trouble::Broken(_) => (Class::Transient, "An unexpected Runtime error occurred.".to_owned()),
        };
        Self { class, message, response: None, content: None }
    }

    /// Something came back, but not 200.
    pub fn status(answer: &Answer) -> Self {
        let class = match (answer.status, answer.retry_after) {
            (429 | 503, Some(wait)) => Class::Limited(wait),
            (429, None) => Class::Limited(LIMITED),
            (408 | 500..=599, _) => Class::Transient,
            _ => Class::Permanent,
        };
        Self::with(answer, class, format!("Received {} code, but expected 200", answer.status))
    }

    /// 200, and a message instead of records.
    pub fn message(answer: &Answer, dataset: &Name) -> Self {
        Self::with(answer, Class::Permanent, format!("An unexpected error occurred when fetching {dataset}."))
    }

    /// 200, and something else.
    pub fn malformed(answer: &Answer, dataset: &Name, why: &str) -> Self {
        Self::with(answer, Class::Permanent, format!("Received a malformed answer when fetching {dataset}: {why}."))
    }

    fn with(answer: &Answer, class: Class, message: String) -> Self {
        let content = String::from_utf8_lossy(&answer.body).into_owned();
        Self { class, message, response: Some(answer.status), content: Some(content) }
    }

    /// A server that repeats the credential it was sent does not make us keep it.
    #[must_use]
    pub fn masked(mut self, secret: Option<&Secret<String>>) -> Self {
        if let (Some(content), Some(secret)) = (&mut self.content, secret)
            && !secret.expose().is_empty()
        {
            *content = content.replace(secret.expose(), MASK);
        }
        self
    }

    /// For the status.
    pub fn error(&self, host: &str) -> CallError {
        let kept = |content: &String| cut(content, STATUS_BODY_KEPT_BYTES).into_owned();
        CallError {
            host: host.to_owned(),
            message: self.message.clone(),
            response: self.response,
            response_content: self.content.as_ref().map(kept),
        }
    }

    /// For the engine; the dead letter keeps the request and the answer.
    pub fn failure(&self, host: &str, request: &str) -> Failure {
        let content = self.content.as_ref().map(|content| cut(content, BODY_KEPT_BYTES));
        Failure::new(self.class, self.message.clone()).with_context(json!({
            "host": host,
            "message": self.message,
            "response": self.response,
            "response_content": content,
            "request": request,
        }))
    }
}
