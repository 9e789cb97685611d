//! A server in this process, on memory.

use std::sync::Arc;
use std::time::Duration;

use accounts::contract::Mailbox;
use accounts::identity::local;
use accounts::model::{MadeKey, NewKey, Role};
use accounts::{Accounts, Deps, Holdings, Provider, SignIn};
use base::clock::ManualClock;
use base::memory::{MemoryLimiter, MemoryQueue, MemoryStore};
use base::{Clock, Ctx, Principal, RequestId, Scopes, Store, TenantId};
use jobs::{Engine, Registry, Settings};
use testkit::Client;
use uuid::Uuid;

use crate::watched::Watched;

pub(crate) struct World {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Arc<Watched>,
    pub(crate) accounts: Accounts,
    pub(crate) engine: Arc<Engine>,
    pub(crate) first: MadeKey,
}

pub(crate) fn manual() -> ManualClock {
    ManualClock::at("2026-03-01T12:00:30Z".parse().unwrap())
}

impl World {
    pub(crate) async fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_holdings(clock, |_| Vec::new()).await
    }

    /// A world in which other services hold what `holdings` says.
    pub(crate) async fn with_holdings(
        clock: Arc<dyn Clock>,
        holdings: impl FnOnce(&Arc<dyn Store>) -> Vec<Arc<dyn Holdings>>,
    ) -> Self {
        let store = Arc::new(Watched::new(Arc::new(MemoryStore::new(clock.clone()))));
        let accounts = copy(&store, &clock);
        Self::of(clock, store, accounts, holdings).await
    }

    /// A world in which people sign up, and get their letters there.
    pub(crate) async fn with_users(clock: Arc<dyn Clock>, mailbox: &Mailbox) -> Self {
        let store = Arc::new(Watched::new(Arc::new(MemoryStore::new(clock.clone()))));
        let shared: Arc<dyn Store> = store.clone();
        let accounts = copy_with_users(&shared, &clock, mailbox);
        Self::of(clock, store, accounts, |_| Vec::new()).await
    }

    async fn of(
        clock: Arc<dyn Clock>,
        store: Arc<Watched>,
        accounts: Accounts,
        holdings: impl FnOnce(&Arc<dyn Store>) -> Vec<Arc<dyn Holdings>>,
    ) -> Self {
        let shared: Arc<dyn Store> = store.clone();
        let mut registry = Registry::default();
        accounts.register(&mut registry, holdings(&shared));
        let engine = Engine::new(jobs::Deps {
            store: shared,
            queue: Arc::new(MemoryQueue::new(clock.clone())),
            clock: clock.clone(),
            registry,
            quotas: Arc::new(accounts.clone()),
            settings: Settings::default(),
        });
        let first = accounts.bootstrap().await.unwrap().unwrap();
        Self { clock, store, accounts, engine, first }
    }

    /// A caller of the whole interface, without a key.
    pub(crate) fn client(&self) -> Client {
        let kit = web::Kit {
            authenticate: Arc::new(self.accounts.clone()),
            store: self.store.clone(),
            limiter: Arc::new(MemoryLimiter::new(self.clock.clone())),
            clock: self.clock.clone(),
            config: web::Config::default(),
            cursor_key: web::CursorKey::new([7; 32]),
        };
        let app = web::App::new(kit)
            .mount(self.accounts.routes(self.engine.clone()))
            .mount(self.accounts.sign_in_routes(self.engine.clone()))
            .mount(self.accounts.valid_routes(self.engine.clone()));
        Client::app(&app.build())
    }

    /// What a request of the platform's in this tenant carries.
    pub(crate) fn ctx(&self, tenant: &str) -> Ctx {
        self.ctx_with(tenant, Role::Platform.scopes())
    }

    pub(crate) fn ctx_with(&self, tenant: &str, scopes: Scopes) -> Ctx {
        let tenant: TenantId = tenant.parse().unwrap();
        let (principal, id) = (Principal::new("key:test"), RequestId::random());
        Ctx::new(tenant, principal, scopes, id, self.clock.now(), Uuid::new_v4())
    }

    /// A live reader's key in the tenant `default`.
    pub(crate) async fn reader(&self) -> MadeKey {
        self.accounts.key_create(&self.ctx("default"), NewKey::new("reader", Role::Reader.scopes())).await.unwrap()
    }
}

/// Another copy of the service over the same store, as another process would be.
pub(crate) fn copy(store: &Arc<Watched>, clock: &Arc<dyn Clock>) -> Accounts {
    Accounts::new(Deps { store: store.clone(), clock: clock.clone() })
}

/// The same, of a server where people sign up.
pub(crate) fn copy_with_users(store: &Arc<dyn Store>, clock: &Arc<dyn Clock>, mailbox: &Mailbox) -> Accounts {
    let settings = local::Settings {
        issuer: "freight".to_owned(),
        tenant: TenantId::DEFAULT.parse().ok(),
        scopes: Role::Reader.scopes(),
        post: Some(Arc::new(mailbox.clone())),
    };
    let users = local::Local::new(settings, store.clone(), clock.clone());
    let deps = Deps { store: store.clone(), clock: clock.clone() };
    Accounts::with_sign_in(deps, SignIn { provider: Provider::Local(users), ..SignIn::default() })
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
