//! The keys of an issuer elsewhere, as they were published a while ago.
//!
//! An issuer changes its keys when it likes, and strangers name keys that never were. So a key that is
//! not known makes us ask again, but all who wait share one question, and between two questions there
//! are ten seconds, whoever asks for what. A key that is known goes on while the issuer cannot be
//! asked; it ends when the issuer answers without it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use base::{Clock, Error, Result};
use tokio_util::task::TaskTracker;

use crate::model::jwt::{Algorithm, Compact, Flaw, KeySet};

/// Between two questions.
pub const ASK_EVERY: Duration = Duration::from_secs(10);
/// An answer older than this is asked for again, beside the request.
const AGED: Duration = Duration::from_secs(300);

/// Asks an issuer for its keys.
#[async_trait]
pub trait KeySource: Send + Sync + 'static {
    /// The document, as it was answered.
    ///
    /// # Errors
    /// What an operator needs to read.
    async fn fetch(&self) -> Result<Vec<u8>>;
}

/// Knows the keys that tokens are verified with.
#[async_trait]
pub trait KeyRing: Send + Sync + 'static {
    /// Verifies the signature of a token.
    ///
    /// # Errors
    /// The flaw, or what failed when it could not be found out.
    async fn verify(&self, token: &Compact<'_>) -> Result<(), Refusal>;

    /// Waits for what is asked beside requests.
    async fn settle(&self) {}
}

/// Why a token was not verified.
#[derive(Debug)]
pub enum Refusal {
    /// It is not good.
    Flawed(Flaw),
    /// Nobody can tell at the moment.
    Failed(Error),
}

impl From<Flaw> for Refusal {
    fn from(flaw: Flaw) -> Self {
        Self::Flawed(flaw)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What an issuer answered a while ago. Clones share it.
#[derive(Clone)]
pub struct Jwks(Arc<Inner>);

struct Inner {
    source: Arc<dyn KeySource>,
    algorithms: Vec<Algorithm>,
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
    asking: tokio::sync::Mutex<()>,
    /// What is asked beside requests.
    beside: TaskTracker,
}

#[derive(Default)]
struct Known {
    keys: Arc<KeySet>,
    /// When we asked last, by the monotonic clock.
    asked: Option<Duration>,
}

impl Jwks {
    /// Keys from there, for these algorithms; nothing is asked yet.
    pub fn new(source: Arc<dyn KeySource>, algorithms: Vec<Algorithm>, clock: Arc<dyn Clock>) -> Self {
        let (known, asking) = (Mutex::default(), tokio::sync::Mutex::default());
        Self(Arc::new(Inner { source, algorithms, clock, known, asking, beside: TaskTracker::new() }))
    }

    /// Keys among which there is one of this name, if the issuer has it.
    async fn with(&self, name: &str) -> Arc<KeySet> {
        let keys = self.0.known().keys.clone();
        if keys.holds(name) {
            self.refresh_if_aged();
            return keys;
        }
        let jwks = self.clone();
        // A task of its own: a caller who goes away must not end what others wait for.
        if let Err(error) = self.0.beside.spawn(async move { jwks.ask(ASK_EVERY).await }).await {
            tracing::error!(%error, "asking an issuer for its keys ended early");
        }
        self.0.known().keys.clone()
    }

    /// Asks, unless somebody did within `pause`; who waited for their answer takes it.
    async fn ask(&self, pause: Duration) {
        let _turn = self.0.asking.lock().await;
        if !self.0.begin(pause) {
            return;
        }
        let fetched = self.0.source.fetch().await;
        match fetched.and_then(|document| KeySet::parse(&document, &self.0.algorithms)) {
            Ok(keys) => {
                if keys.is_empty() {
                    tracing::error!("an issuer publishes no key that could be used: none of its tokens is taken");
                }
                self.0.known().keys = Arc::new(keys);
            }
            Err(error) => tracing::warn!(%error, "the keys of an issuer could not be fetched; those known go on"),
        }
    }

    /// Asks beside the request, if nobody has for a while: so that a key that was withdrawn ends.
    fn refresh_if_aged(&self) {
        if self.0.is_older_than(AGED) && self.0.asking.try_lock().is_ok() {
            let jwks = self.clone();
            self.0.beside.spawn(async move { jwks.ask(AGED).await });
        }
    }
}

#[async_trait]
impl KeyRing for Jwks {
    async fn verify(&self, token: &Compact<'_>) -> Result<(), Refusal> {
        // An algorithm that is not allowed asks nobody.
        if !self.0.algorithms.contains(&token.algorithm) {
            return Err(Flaw::Algorithm.into());
        }
        Ok(self.with(&token.key).await.verify(token)?)
    }

    async fn settle(&self) {
        self.0.beside.close();
        self.0.beside.wait().await;
        self.0.beside.reopen();
    }
}

impl Inner {
    /// Whether it is time to ask again; if it is, that is noted.
    fn begin(&self, pause: Duration) -> bool {
        let due = self.is_older_than(pause);
        if due {
            self.known().asked = Some(self.clock.monotonic());
        }
        due
    }

    fn is_older_than(&self, age: Duration) -> bool {
        let now = self.clock.monotonic();
        self.known().asked.is_none_or(|asked| now.saturating_sub(asked) >= age)
    }

    // A std mutex: nothing is awaited while it is held.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
