//! The contract over HTTP, on memory.

use std::sync::Arc;

use base::clock::SystemClock;
use base::memory::MemoryStore;
use base::{Clock, Scope, Store};
use source::contract::{Callers, cases, largest};
use testkit::{Client, Doors};

use crate::world::service;

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_memory() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(clock.clone()));
    let (source, engine) = service(store.clone(), clock.clone());
    let workers = engine.workers_start();
    let doors = Doors::of(&[
        ("admin", "default", &Scope::ALL),
        ("writer", "default", &[Scope::SourceWrite]),
        ("reader", "default", &[Scope::SourceRead]),
        ("stranger", "other", &Scope::ALL),
    ]);
    let kit = doors.kit(store, clock);
    let client = Client::app(&web::App::new(kit).mount(source.routes()).build());
    let [admin, writer, reader, stranger] = ["admin", "writer", "reader", "stranger"].map(|key| client.with_key(key));
    let callers = Callers { admin, writer, reader, stranger };
    cases(&callers).await;
    largest(&callers).await;
    assert!(workers.stop(std::time::Duration::from_secs(10)).await);
}
