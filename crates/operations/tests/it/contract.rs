use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use base::clock::SystemClock;
use base::memory::MemoryStore;
use operations::contract::{Stage, cases};

#[tokio::test]
async fn the_contract_holds_on_memory() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let stage = Stage::over(Arc::new(MemoryStore::new(clock.clone())), clock);
    let workers = stage.engine.workers_start();
    cases(&stage).await;
    assert!(workers.stop(Duration::from_secs(5)).await, "nothing runs for ever");
}
