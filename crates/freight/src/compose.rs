//! What is made of what: the only module that names every crate.
//!
//! Services know contracts and traits; here each gets its own. Nothing runs and nothing listens
//! yet: [`Freight`] is a router, an engine that has not started, and the accounts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use accounts::identity::local::Post;
use accounts::{Accounts, CartSessions};
use anyhow::Result;
use carts::Carts;
use cloud::ForeignTables;
use ingest::Ingest;
use jobs::{Engine, Registry};
use metrics_exporter_prometheus::PrometheusHandle;
use operations::Operations;
use readthrough::Behind;
use source::Source;
use tokens::Tokens;
use tokens::outbound::gecko::Gecko;
use url::Url;
use web::{App, AppBuilder, Authenticate, Kit};

use crate::abroad::{self, Abroad};
use crate::checks::{Database, Doorbell, Guesses, Workers, vitals};
use crate::config;
use crate::config::aws::AwsVariables;
use crate::ground::Ground;
use crate::seams::{Datasets, Holders, Trail};
use crate::{sign_in, upkeep};

/// How a server is set, whatever it stands on.
#[derive(Clone, Default)]
pub struct Settings {
    /// Bounds and names of the HTTP interface.
    pub web: web::Config,
    /// The engine's.
    pub jobs: jobs::Settings,
    /// Who may call besides those who hold a key.
    pub auth: config::Auth,
    /// Who delivers the codes of those who sign up; without it nobody can.
    pub post: Option<Arc<dyn Post>>,
    /// What ingest may call.
    pub ingest: config::Ingest,
    /// Whom tokens asks.
    pub tokens: config::Tokens,
    /// Where what is stale is computed anew.
    pub behind: Behind,
    /// Whether who names a session may have carts without a key.
    pub anonymous_sessions: bool,
    /// Where the stand-ins listen; then `users` are fetched from there.
    pub sandbox: Option<SocketAddr>,
    /// What is also taken to other systems.
    pub export: config::Export,
    /// Where AWS is: for a user pool, and for what flows in from it and out to it.
    pub aws: AwsVariables,
    /// Our own addresses, which no source may name.
    pub own: Vec<SocketAddr>,
    /// What `/metrics` renders.
    pub metrics: Option<PrometheusHandle>,
    /// Workers run elsewhere, and health does not ask for them here.
    pub api_only: bool,
}

/// A server that is put together and does nothing yet.
pub struct Freight {
    /// The HTTP interface.
    pub app: App,
    /// The engine.
    pub engine: Arc<Engine>,
    /// Tenants and keys.
    pub accounts: Accounts,
    /// Measurements; what it gathers is kept when the server stops.
    pub source: Arc<Source>,
    /// Token analytics; what is computed beside requests is waited for when the server stops.
    pub tokens: Arc<Tokens>,
    working: Arc<AtomicBool>,
}

impl Freight {
    /// Starts running tasks.
    pub fn workers_start(&self) -> jobs::Workers {
        self.working.store(true, Ordering::Relaxed);
        self.engine.workers_start()
    }
}

/// Puts a server together.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn compose(ground: &Ground, settings: Settings) -> Result<Freight> {
    let keeping = accounts::Deps { store: ground.store.clone(), clock: ground.clock.clone() };
    let sign_in = sign_in::sign_in(&settings.auth, &settings.aws, settings.post.clone(), ground).await?;
    let accounts = Accounts::with_sign_in(keeping, sign_in);
    let sources = ingest::Deps::new(ground.store.clone(), ground.clock.clone(), sources(&settings)?)
        .with_tables(Arc::new(Abroad(ForeignTables::new(settings.aws.anywhere()))));
    let holders = Holders::default();
    let mut registry = Registry::default();
    accounts.register(&mut registry, holders.all(ground));
    ingest::register(&mut registry, &sources);
    let measuring = source::Deps { store: ground.store.clone(), clock: ground.clock.clone() };
    source::register(&mut registry, &measuring);
    let catalog = Arc::new(Datasets(sources.catalog()));
    let gathering = carts::Deps { store: ground.store.clone(), catalog };
    carts::register(&mut registry, &gathering);
    let kept = readthrough::Deps {
        store: ground.store.clone(),
        cache: ground.cache.clone(),
        clock: ground.clock.clone(),
        behind: settings.behind,
    };
    let analyzing = tokens::Deps { kept, gecko: Gecko::new(market(&settings)?, ground.clock.clone())? };
    tokens::register(&mut registry, &analyzing);
    let export = abroad::export(&settings.export, &settings.aws).await?;
    export.register(&mut registry);
    let engine = Engine::new(jobs::Deps {
        store: ground.store.clone(),
        queue: ground.queue.clone(),
        clock: ground.clock.clone(),
        registry,
        quotas: Arc::new(accounts.clone()),
        settings: jobs::Settings { outbox: export.outbox(), ..settings.jobs.clone() },
    });
    holders.engine_is(&engine);
    export.start(&engine).await?;
    let mut authenticate: Arc<dyn Authenticate> = Arc::new(accounts.clone());
    if settings.anonymous_sessions {
        authenticate = Arc::new(CartSessions::before(authenticate));
    }
    let kit = Kit {
        authenticate,
        store: ground.store.clone(),
        limiter: ground.limiter.clone(),
        clock: ground.clock.clone(),
        config: settings.web,
        cursor_key: ground.shared_key("cursors").await?,
    };
    let working = Arc::new(AtomicBool::new(false));
    let trail = Arc::new(Trail { accounts: accounts.clone(), store: ground.store.clone() });
    let steering = operations::Deps { engine: engine.clone(), audit: trail, clock: ground.clock.clone() };
    let source = Source::new(measuring, engine.clone());
    let tokens = Tokens::new(analyzing, engine.clone())?;
    let app = App::new(kit)
        .mount(accounts.routes(engine.clone()))
        .mount(accounts.sign_in_routes(engine.clone()))
        .mount(accounts.valid_routes(engine.clone()))
        .mount(Ingest::new(sources, engine.clone()).routes())
        .mount(source.routes())
        .mount(Carts::new(gathering, engine.clone()).routes())
        .mount(tokens.routes())
        .mount(Operations::new(steering).routes())
        .mount(upkeep::routes(ground.file.clone()));
    let app = insight(app, ground, settings.metrics);
    let app = match settings.api_only {
        true => app,
        false => app.check(Arc::new(Workers { engine: engine.clone(), started: working.clone() })),
    };
    let app = app.build();
    Ok(Freight { app, engine, accounts, source, tokens, working })
}

/// What ingest may call: what the configuration says, and the stand-ins if there are any.
fn sources(settings: &Settings) -> Result<ingest::Settings> {
    let mut sources = match settings.sandbox {
        Some(at) => ingest::Settings::sandbox(&at.to_string())?,
        None => ingest::Settings::new()?,
    };
    sources.concurrency = u32::try_from(settings.ingest.concurrency)?;
    sources.guard.http = settings.ingest.allow_http;
    sources.guard.allow.extend(settings.ingest.allow_hosts.iter().cloned());
    sources.guard.own = settings.own.clone();
    sources.credentials = settings.ingest.credentials.clone();
    sources.tables = settings.ingest.tables.clone();
    Ok(sources)
}

/// Where markets are asked for: where the configuration says, or the stand-in if there is one.
fn market(settings: &Settings) -> Result<Option<Url>> {
    match settings.sandbox {
        Some(at) => Ok(Some(format!("http://{at}/api/v2").parse()?)),
        None => Ok(settings.tokens.market_url.clone()),
    }
}

/// What the server can be asked about itself.
fn insight(app: AppBuilder, ground: &Ground, metrics: Option<PrometheusHandle>) -> AppBuilder {
    let file = ground.file.clone();
    let app = app
        .check(Arc::new(Database(ground.store.clone())))
        .check(Arc::new(Doorbell(ground.queue.clone())))
        .check(Arc::new(Guesses(ground.cache.clone())))
        .vitals(move || vitals(file.as_deref()));
    match metrics {
        Some(metrics) => app.metrics(move || metrics.render()),
        None => app,
    }
}
