//! Of many at once, one wins and nothing is left of the others.

use std::sync::Arc;

use accounts::model::{NewTenant, Settings};
use base::clock::SystemClock;
use base::memory::MemoryStore;
use base::{Clock, ErrorKind};
use tokio::task::JoinSet;

use crate::watched::Watched;
use crate::world::{World, copy};

const RACERS: usize = 32;
const ROUNDS: usize = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_gets_the_slug() {
    let world = World::new(Arc::new(SystemClock::new())).await;
    for round in 0..ROUNDS {
        let mut racers = JoinSet::new();
        for _ in 0..RACERS {
            let (accounts, ctx) = (copy(&world.store, &world.clock), world.ctx("system"));
            let slug = format!("round-{round}").parse().unwrap();
            let ask = NewTenant { name: "Racer".to_owned(), slug, settings: Settings::default() };
            racers.spawn(async move { accounts.tenant_create(&ctx, ask).await });
        }
        let answers = racers.join_all().await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, RACERS - 1));
        assert!(lost.into_iter().all(|lost| lost.unwrap_err().kind() == ErrorKind::Conflict));
    }
    let listed = world.accounts.tenants_list(&world.ctx("system"), None, 1_000).await.unwrap();
    assert_eq!(listed.items.len(), 2 + ROUNDS, "a loser left something");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_first_starts_one_makes_the_key() {
    for _ in 0..ROUNDS {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let store = Arc::new(Watched::new(Arc::new(MemoryStore::new(clock.clone()))));
        let mut racers = JoinSet::new();
        for _ in 0..RACERS {
            let accounts = copy(&store, &clock);
            racers.spawn(async move { accounts.bootstrap().await.unwrap() });
        }
        let made: Vec<_> = racers.join_all().await.into_iter().flatten().collect();
        assert_eq!(made.len(), 1);
        copy(&store, &clock).verify(made[0].text.expose(), false, None).await.unwrap();
    }
}
