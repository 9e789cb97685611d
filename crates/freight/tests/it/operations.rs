//! The contract of operations, on a SQLite file and in the cloud.

use std::time::Duration;

use freight::ground::Ground;
use operations::contract::{Stage, cases};
use testkit::aws::Odds;

use crate::{on_cloud, on_file};

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_a_file() {
    let (ground, _directory) = on_file::ground().await;
    hold(&ground).await;
    assert!(ground.file.unwrap().check().await.unwrap().is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_in_the_cloud_on_a_bad_day() {
    let (ground, cloud) = on_cloud::ground(22, Odds::BAD_DAY).await;
    hold(&ground).await;
    let fired = cloud.shim.fired();
    assert!(fired.throttled > 0 && fired.conflicts > 0 && fired.lost > 0, "{fired:?}");
}

async fn hold(ground: &Ground) {
    let stage = Stage::over(ground.store.clone(), ground.queue.clone(), ground.clock.clone());
    let workers = stage.engine.workers_start();
    cases(&stage).await;
    assert!(workers.stop(Duration::from_secs(10)).await, "a task did not end");
}
