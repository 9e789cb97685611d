//! The records that carts may hold: read here, kept elsewhere.
//!
//! Carts own this trait; whoever composes the program implements it over the service that keeps
//! records.

use async_trait::async_trait;
use base::{Ctx, Principal, Result, Scope, TenantId};
use serde::{Deserialize, Serialize};

/// What a session's principal begins with.
const SESSION: &str = "session:";

/// Who looks at records, and how much of them is shown. A job keeps it: it sees what the caller saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Of which tenant.
    pub tenant: TenantId,
    /// Whether it is an anonymous session, which sees public datasets alone.
    pub anonymous: bool,
    /// Whether fields are seen that a dataset redacts.
    pub sensitive: bool,
}

impl View {
    /// What a caller sees.
    pub fn of(ctx: &Ctx) -> Self {
        Self {
            tenant: ctx.tenant.clone(),
            anonymous: is_session(&ctx.principal),
            sensitive: ctx.scopes.contains(Scope::IngestSensitive),
        }
    }
}

/// Whether a caller is an anonymous session.
fn is_session(principal: &Principal) -> bool {
    principal.as_str().starts_with(SESSION)
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What names it in its dataset.
    pub id: String,
    /// Its text, with what the viewer may not see blanked out.
    pub text: String,
    /// Where to go on behind it.
    pub place: String,
}

/// Reads records.
#[async_trait]
pub trait Catalog: Send + Sync + 'static {
    /// Whether there is a dataset of this name to be seen.
    async fn knows(&self, view: &View, dataset: &str) -> Result<bool>;

    /// The records of a dataset in their order, from behind the place `after` on.
    ///
    /// # Errors
    /// `NotFound` when there is no such dataset to be seen.
    async fn read(&self, view: &View, dataset: &str, after: Option<String>) -> Result<Box<dyn Records>>;
}

/// A reading under way.
#[async_trait]
pub trait Records: Send {
    /// The next record; `None` behind the last one.
    async fn next(&mut self) -> Result<Option<Found>>;
}
