//! The contract over HTTP, on memory.

use tokens::contract::cases;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_memory() {
    let world = World::start().await;
    cases(&world.callers).await;
    world.tokens.settle().await;
}
