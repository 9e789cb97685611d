use std::sync::Arc;

use base::clock::SystemClock;

use crate::world::World;

#[tokio::test]
async fn the_contract_holds_on_memory() {
    let world = World::new(Arc::new(SystemClock::new())).await;
    accounts::contract::cases(&world.client().with_key(world.first.text.expose())).await;
}
