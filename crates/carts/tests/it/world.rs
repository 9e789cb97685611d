//! The service on memory, with a catalog that is a list.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::clock::SystemClock;
use base::intercept::{Intercept, Intercepted};
use base::memory::{MemoryQueue, MemoryStore};
use base::store::{Action, StoreError, Version, Write};
use base::{Clock, Scope, Store};
use carts::contract::flights;
use carts::model::catalog::Records;
use carts::model::{Catalog, Found, View};
use carts::store::basket::digits;
use carts::store::{CARTS, ITEMS, TABLES};
use carts::{Carts, Deps};
use jobs::{Engine, FixedQuotas, Registry, Settings, Workers};
use serde_json::json;
use testkit::{Client, Doors};
use tokio::sync::watch;

pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) client: Client,
    pub(crate) carts: Arc<Carts>,
    pub(crate) gate: Gate,
    workers: Workers,
}

impl World {
    pub(crate) fn start() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let gate = Gate { hold: watch::Sender::new(Hold::Nothing), met: watch::Sender::new(false) };
        let gated: Arc<dyn Store> = Arc::new(Intercepted::new(store.clone(), gate.clone()));
        let deps = Deps { store: gated.clone(), catalog: Arc::new(Flights) };
        let mut registry = Registry::default();
        carts::register(&mut registry, &deps);
        let engine = Engine::new(jobs::Deps {
            store: gated,
            queue: Arc::new(MemoryQueue::new(clock.clone())),
            clock: clock.clone(),
            registry,
            quotas: Arc::new(FixedQuotas::default()),
            settings: Settings::default(),
        });
        let (read, write) = (Scope::CartsRead, Scope::CartsWrite);
        let doors = Doors::of(&[
            ("owner", "default", &[read, write, Scope::IngestSensitive]),
            ("other", "default", &[read, write]),
            ("reader", "default", &[read]),
            ("stranger", "strangers", &Scope::ALL),
        ]);
        let kit = doors.kit(store.clone(), clock);
        let workers = engine.workers_start();
        let carts = Carts::new(deps, engine);
        let client = Client::app(&web::App::new(kit).mount(carts.clone().routes()).build());
        Self { store, client, carts, gate, workers }
    }

    /// Those whom the contract knows.
    pub(crate) fn clients(&self) -> [Client; 4] {
        ["owner", "other", "reader", "stranger"].map(|key| self.client.with_key(key))
    }

    /// Stops the workers; every task has ended.
    pub(crate) async fn stop(self) {
        assert!(self.workers.stop(Duration::from_secs(10)).await, "a task did not end");
    }
}

/// Where a job is held.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Hold {
    Nothing,
    /// When it writes items, after so many writes more.
    Items(usize),
    /// At its end, when it puts what it combined in the cart.
    Switch,
}

/// What holds jobs.
#[derive(Clone)]
pub(crate) struct Gate {
    hold: watch::Sender<Hold>,
    /// Whether a job is held since it was closed.
    met: watch::Sender<bool>,
}

impl Gate {
    /// The next job is held here.
    pub(crate) fn close(&self, hold: Hold) {
        self.met.send_replace(false);
        self.hold.send_replace(hold);
    }

    /// Until a job is held.
    pub(crate) async fn met(&self) {
        self.met.subscribe().wait_for(|met| *met).await.unwrap();
    }

    /// Nothing is held any more.
    pub(crate) fn open(&self) {
        self.hold.send_replace(Hold::Nothing);
    }

    /// Passes what writes items, or the result of a combination, or waits.
    async fn pass(&self, items: bool) {
        let mut hold = self.hold.subscribe();
        let mut held = false;
        self.hold.send_if_modified(|hold| {
            match hold {
                Hold::Items(0) => held = items,
                Hold::Items(left) => *left -= usize::from(items),
                Hold::Switch => held = !items,
                Hold::Nothing => {}
            }
            false
        });
        if held {
            self.met.send_replace(true);
            hold.wait_for(|hold| *hold == Hold::Nothing).await.unwrap();
        }
    }
}

#[async_trait]
impl Intercept for Gate {
    async fn write(&self, inner: &Arc<dyn Store>, writes: Vec<Write>) -> Result<Version, StoreError> {
        let any = |is: fn(&Write) -> bool| writes.iter().any(is);
        // What a task writes has its lease beside it, of another table; what it combined has to be there whole.
        let items = any(|it| it.key.table == ITEMS) && any(|it| !TABLES.contains(&it.key.table));
        let checked = writes.iter().filter(|it| it.key.table == CARTS && it.action == Action::Check).count();
        if items || checked == digits().count() {
            self.pass(items).await;
        }
        inner.write(writes).await
    }
}

/// The flights of the contract, in the order of their ids as texts of one length.
struct Flights;

#[async_trait]
impl Catalog for Flights {
    async fn knows(&self, _: &View, dataset: &str) -> base::Result<bool> {
        Ok(dataset == "flights")
    }

    async fn read(&self, view: &View, _: &str, after: Option<String>) -> base::Result<Box<dyn Records>> {
        let found = |mut flight: serde_json::Value| {
            if !view.sensitive {
                flight["secret"] = json!("***");
            }
            let place = format!("{:06}", flight["id"].as_u64().unwrap());
            Found { id: flight["id"].to_string(), text: flight.to_string(), place }
        };
        let all = flights().into_iter().map(found).filter(move |found| Some(&found.place) > after.as_ref());
        Ok(Box::new(List(all.collect::<Vec<_>>().into_iter())))
    }
}

struct List(std::vec::IntoIter<Found>);

#[async_trait]
impl Records for List {
    async fn next(&mut self) -> base::Result<Option<Found>> {
        Ok(self.0.next())
    }
}
