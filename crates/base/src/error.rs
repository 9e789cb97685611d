//! The one domain error.
//!
//! An [`Error`] says what went wrong in the words of the domain; which HTTP status that is, is
//! decided once, in `web::error`. It keeps two texts apart: [`Error::message`] is written for the
//! client, and [`Error::internal`] is for the operator's log and never leaves the process in an
//! answer. Neither may hold a secret.

use std::fmt;
use std::time::Duration;

use crate::store::StoreError;

/// The result of any operation of Freight.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What class of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The body is not what its media type says (not JSON, a key twice, too deep).
    Malformed,
    /// The body or a parameter is well formed and not allowed; `details` name the fields.
    Invalid,
    /// No credential, or one that is not valid.
    Unauthenticated,
    /// A valid credential that may not do this.
    Forbidden,
    /// No such thing, or not the caller's to know of.
    NotFound,
    /// The tenant named does not exist.
    TenantNotFound,
    /// The state of the thing does not allow it, or somebody was faster.
    Conflict,
    /// It was here and is deleted.
    Gone,
    /// `If-Match` named another version.
    PreconditionFailed,
    /// More than a limit allows.
    TooLarge,
    /// A media type we do not take.
    UnsupportedMedia,
    /// Too many requests; `retry_after` says when.
    RateLimited,
    /// Asked for something that is declared but not built for this input.
    NotImplemented,
    /// The disk or the quota is full; nothing was applied.
    Full,
    /// It took longer than its bound; it may have been applied.
    Timeout,
    /// A third party answered wrongly or not at all.
    Upstream,
    /// A part we need is not there at the moment, or its answer was lost.
    Unavailable,
    /// A defect of ours, or damaged data.
    Internal,
}

/// One field that is wrong, and why.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Detail {
    /// The kind of fault, such as `missing`, `value_error`, `type_error`, `unknown_field`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is wrong and what is allowed, for the client.
    pub message: String,
    /// Where: the dotted path in the body, or the name of the parameter or header.
    pub field: String,
}

/// A failure, with one text for the client and one for the operator.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    details: Vec<Detail>,
    internal: Option<String>,
    retry_after: Option<Duration>,
}

impl Error {
    /// A failure of this kind, with the sentence that the client reads.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), details: Vec::new(), internal: None, retry_after: None }))
    }

    /// One invalid field: the commonest failure there is.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::new(ErrorKind::Invalid, message.clone()).with_detail("value_error", field, message)
    }

    /// No such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// The state of the thing does not allow it.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// A part we need is not there at the moment.
    pub fn unavailable(internal: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Unavailable, "The service cannot do this at the moment. Try again shortly.")
            .with_internal(internal)
    }

    /// A defect of ours; the text is for the operator only.
    pub fn internal(internal: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Internal, "An unexpected error occurred").with_internal(internal)
    }

    /// Adds a field that is wrong.
    #[must_use]
    pub fn with_detail(
        mut self,
        kind: impl Into<String>,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        self.0.details.push(Detail { kind: kind.into(), message: message.into(), field: field.into() });
        self
    }

    /// Adds what the operator needs and the client may not read.
    #[must_use]
    pub fn with_internal(mut self, internal: impl fmt::Display) -> Self {
        self.0.internal = Some(internal.to_string());
        self
    }

    /// Says after how long another try makes sense.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Duration) -> Self {
        self.0.retry_after = Some(retry_after);
        self
    }

    /// What class of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The sentence for the client.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The fields that are wrong; empty unless the kind is `Invalid` or `Malformed`.
    pub fn details(&self) -> &[Detail] {
        &self.0.details
    }

    /// What only the operator may read.
    pub fn internal_text(&self) -> Option<&str> {
        self.0.internal.as_deref()
    }

    /// After how long another try makes sense, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the same request may succeed later without being changed.
    pub fn retryable(&self) -> bool {
        match self.0.kind {
            ErrorKind::RateLimited
            | ErrorKind::Full
            | ErrorKind::Timeout
            | ErrorKind::Upstream
            | ErrorKind::Unavailable => true,
            ErrorKind::Malformed
            | ErrorKind::Invalid
            | ErrorKind::Unauthenticated
            | ErrorKind::Forbidden
            | ErrorKind::NotFound
            | ErrorKind::TenantNotFound
            | ErrorKind::Conflict
            | ErrorKind::Gone
            | ErrorKind::PreconditionFailed
            | ErrorKind::TooLarge
            | ErrorKind::UnsupportedMedia
            | ErrorKind::NotImplemented
            | ErrorKind::Internal => false,
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("details", &self.0.details)
            .field("internal", &self.0.internal)
            .finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.internal {
            Some(internal) => write!(f, "{} ({internal})", self.0.message),
            None => f.write_str(&self.0.message),
        }
    }
}

impl std::error::Error for Error {}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Failed(_) => {
                Self::conflict("Somebody changed this at the same time. Read it again and retry.").with_internal(error)
            }
            StoreError::TooLarge { .. } => Self::new(ErrorKind::TooLarge, error.to_string()),
            StoreError::Full => Self::new(ErrorKind::Full, "There is no room left to store this. Nothing was written."),
            StoreError::Busy | StoreError::Unknown(_) | StoreError::Unavailable(_) => Self::unavailable(error),
            StoreError::Damaged(_) => Self::internal(error),
        }
    }
}
