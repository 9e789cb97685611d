//! The contract of operations, on a SQLite file.

#![expect(clippy::unwrap_used, reason = "a test ends by panicking")]

mod on_file;

use std::time::Duration;

use operations::contract::{Stage, cases};

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_a_file() {
    let (ground, _directory) = on_file::ground();
    let stage = Stage::over(ground.store.clone(), ground.clock.clone());
    let workers = stage.engine.workers_start();
    cases(&stage).await;
    assert!(workers.stop(Duration::from_secs(10)).await, "a task did not end");
    assert!(ground.file.unwrap().check().await.unwrap().is_sound());
}
