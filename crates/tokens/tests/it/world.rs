//! The service on memory, with a sandbox to ask.

use std::sync::Arc;

use base::clock::SystemClock;
use base::memory::{MemoryCache, MemoryQueue, MemoryStore};
use base::{Clock, Scope};
use jobs::{Engine, FixedQuotas, Registry, Settings};
use readthrough::Behind;
use testkit::{Client, Doors};
use tokens::contract::Callers;
use tokens::outbound::gecko::Gecko;
use tokens::{Deps, Tokens, register};
use tokio::net::TcpListener;

pub(crate) struct World {
    pub(crate) callers: Callers,
    pub(crate) tokens: Arc<Tokens>,
}

impl World {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(sandbox::serve(listener, sandbox::Config::default(), std::future::pending()));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let cache = Arc::new(MemoryCache::new(clock.clone(), 1 << 24));
        let kept = readthrough::Deps { store: store.clone(), cache, clock: clock.clone(), behind: Behind::Here };
        let gecko = Gecko::new(Some(format!("http://{at}/api/v2").parse().unwrap()), clock.clone()).unwrap();
        let deps = Deps { kept, gecko };
        let mut registry = Registry::default();
        register(&mut registry, &deps);
        let engine = Engine::new(jobs::Deps {
            store: store.clone(),
            queue: Arc::new(MemoryQueue::new(clock.clone())),
            clock: clock.clone(),
            registry,
            quotas: Arc::new(FixedQuotas::default()),
            settings: Settings::default(),
        });
        let doors = Doors::of(&[
            ("reader", "default", &[Scope::TokensRead]),
            ("other", "default", &[Scope::SourceRead]),
            ("stranger", "strangers", &Scope::ALL),
        ]);
        let kit = doors.kit(store, clock);
        let tokens = Tokens::new(deps, engine).unwrap();
        let nobody = Client::app(&web::App::new(kit).mount(tokens.routes()).build());
        let [reader, stranger, other] = ["reader", "stranger", "other"].map(|key| nobody.with_key(key));
        let sandbox = Client::at(format!("http://{at}"));
        Self { callers: Callers { reader, stranger, other, nobody, sandbox }, tokens }
    }
}
