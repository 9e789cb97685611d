//! The contract over HTTP, on memory.

use carts::contract::{Callers, cases};

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_memory() {
    let world = World::start();
    let [owner, other, reader, stranger] = world.clients();
    cases(&Callers { owner, other, reader, stranger }).await;
    world.stop().await;
}
