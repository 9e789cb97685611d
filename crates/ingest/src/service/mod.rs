//! Operations: authorize, decide, store.
//!
//! - [`catalog`]: which datasets a tenant has; shared with the kinds. [`datasets`]: making,
//!   changing, removing them; `tables`: whose records come from a table. [`records`]: reading them. [`import`]: files. [`runs`]: fetching, and
//!   how it went.

pub mod catalog;
pub mod datasets;
pub mod import;
pub mod records;
pub mod runs;
mod tables;

use std::sync::Arc;

use base::{Clock, Secret, Store, TenantId};
use jobs::Engine;

pub use catalog::Catalog;
pub use datasets::{Change, Summary};
pub use import::{Report, RowFault};
pub use runs::Fetch;

use crate::model::{Definition, TableName};
use crate::outbound::guard::{Lookup, SystemLookup};
use crate::outbound::tables::NoTables;
use crate::outbound::{Authority, Guard, Tables};
use crate::store::head::Heads;

/// A credential of the configuration: one tenant may have it sent, and only to one host.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Whose sources may name it.
    pub tenant: TenantId,
    /// What they call it.
    pub name: String,
    /// Where it is sent, and nowhere else.
    pub host: String,
    /// The credential.
    pub value: Secret<String>,
}

/// A table that a tenant may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableGrant {
    /// Who.
    pub tenant: TenantId,
    /// Which.
    pub table: TableName,
}

/// What the operator decided.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Datasets that every tenant has.
    pub builtin: Vec<Definition>,
    /// What may be called.
    pub guard: Guard,
    /// What sources may send to prove who they are.
    pub credentials: Vec<Credential>,
    /// Tables that tenants may read.
    pub tables: Vec<TableGrant>,
    /// How many calls of a tenant are worked on at once, over all its datasets.
    pub concurrency: u32,
    /// Where the stand-in is, if there is one: all that callers with a test key have fetched.
    pub sandbox: Option<Authority>,
}

/// Where `users` come from.
pub const USERS_URL: &str = "https://random-data-api.com/api/v2/users";
/// How many calls a minute it is fair to make there.
pub const USERS_RATE: u32 = 75;

impl Settings {
    /// `users` from random-data-api.com, and nothing else configured.
    ///
    /// # Errors
    /// Never with the definition that stands here; it is checked like any other.
    pub fn new() -> base::Result<Self> {
        Ok(Self {
            builtin: vec![Definition::users(USERS_URL, Some(USERS_RATE))?],
            guard: Guard::default(),
            credentials: Vec::new(),
            tables: Vec::new(),
            concurrency: 48,
            sandbox: None,
        })
    }

    /// `users` from a stand-in at `host`, as fast as it answers; exactly that host and port are
    /// allowed beside what is public.
    ///
    /// # Errors
    /// `Invalid` unless `host` is a host and a port, such as `127.0.0.1:8001`.
    pub fn sandbox(host: &str) -> base::Result<Self> {
        let authority: Authority = host.parse()?;
        let url = format!("http://{}:{}/api/v2/users", authority.host, authority.port);
        let mut settings = Self { builtin: vec![Definition::users(&url, None)?], ..Self::new()? };
        settings.guard.allow.push(authority.clone());
        settings.sandbox = Some(authority);
        Ok(settings)
    }

    /// Whether a URL is one of the stand-in's.
    pub fn in_sandbox(&self, url: &str) -> bool {
        let Some(Authority { host, port }) = &self.sandbox else { return false };
        let target = self.guard.target(url).map(|target| target.url);
        target.is_ok_and(|url| url.host_str() == Some(host.as_str()) && url.port_or_known_default() == Some(*port))
    }

    /// Whether a tenant may read a table.
    pub fn may_read(&self, tenant: &TenantId, table: &TableName) -> bool {
        self.tables.iter().any(|grant| grant.tenant == *tenant && grant.table == *table)
    }
}

/// What the service is made of, besides the engine.
#[derive(Clone)]
pub struct Deps {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What the operator decided.
    pub settings: Arc<Settings>,
    /// Who turns names into addresses.
    pub lookup: Arc<dyn Lookup>,
    /// Who reads tables.
    pub tables: Arc<dyn Tables>,
}

impl Deps {
    /// With the resolver of the machine, and without tables.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, settings: Settings) -> Self {
        let (lookup, tables) = (Arc::new(SystemLookup), Arc::new(NoTables));
        Self { store, clock, settings: Arc::new(settings), lookup, tables }
    }

    /// With these tables.
    #[must_use]
    pub fn with_tables(self, tables: Arc<dyn Tables>) -> Self {
        Self { tables, ..self }
    }

    /// Looks datasets up, for who reads records and is not this service.
    pub fn catalog(&self) -> Catalog {
        Catalog::new(self.store.clone(), Heads::new(self.store.clone()), self.settings.clone())
    }
}

/// The service: records into datasets.
pub struct Ingest {
    pub(crate) deps: Deps,
    pub(crate) catalog: Catalog,
    pub(crate) engine: Arc<Engine>,
}

impl Ingest {
    /// The service; `engine` knows its kinds (see [`register`](crate::register)).
    pub fn new(deps: Deps, engine: Arc<Engine>) -> Arc<Self> {
        Arc::new(Self { catalog: deps.catalog(), deps, engine })
    }

    /// Every partition of a tenant, for whoever deletes it.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn partitions(&self, tenant: &TenantId) -> base::Result<Vec<(base::store::Table, String)>> {
        self.catalog.heads().partitions(tenant).await
    }
}

impl std::fmt::Debug for Ingest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest").field("settings", &self.deps.settings).finish_non_exhaustive()
    }
}
