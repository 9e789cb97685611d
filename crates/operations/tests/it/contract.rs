use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use base::clock::SystemClock;
use base::memory::{MemoryQueue, MemoryStore};
use operations::contract::{Stage, cases};

#[tokio::test]
async fn the_contract_holds_on_memory() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (store, queue) = (MemoryStore::new(clock.clone()), MemoryQueue::new(clock.clone()));
    let stage = Stage::over(Arc::new(store), Arc::new(queue), clock);
    let workers = stage.engine.workers_start();
    cases(&stage).await;
    assert!(workers.stop(Duration::from_secs(5)).await, "nothing runs for ever");
}
