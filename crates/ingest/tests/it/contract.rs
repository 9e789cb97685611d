//! The contract over HTTP, on memory.

use ingest::contract::{Callers, cases};

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_memory() {
    let world = World::start().await;
    let [admin, reader, stranger] = world.clients();
    cases(&Callers { admin, reader, stranger }).await;
    world.stop().await;
}
