use std::sync::Arc;

use accounts::contract::Mailbox;
use base::clock::SystemClock;

use crate::world::World;

#[tokio::test]
async fn the_contract_holds_on_memory() {
    let world = World::new(Arc::new(SystemClock::new())).await;
    accounts::contract::cases(&world.client().with_key(world.first.text.expose())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_of_signing_in_holds_on_memory() {
    let mailbox = Mailbox::default();
    let world = World::with_users(Arc::new(SystemClock::new()), &mailbox).await;
    accounts::contract::sign_in_cases(&world.client(), &mailbox).await;
}
