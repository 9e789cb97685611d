//! The contract over HTTP, on memory.

use carts::contract::{Callers, cases, largest};

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_memory() {
    let world = World::start();
    let [owner, other, reader, stranger] = world.clients();
    let callers = Callers { owner, other, reader, stranger };
    cases(&callers).await;
    largest(&callers).await;
    world.stop().await;
}
