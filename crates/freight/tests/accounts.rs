//! The contract of accounts, on a SQLite file and in the cloud.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends by panicking")]

mod on_cloud;
mod on_file;
mod server;

use freight::compose::Settings;
use server::Server;
use testkit::aws::Odds;

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_a_file() {
    let server = Server::start(on_file::ground().await, Settings::default()).await;
    accounts::contract::cases(&server.admin).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_in_the_cloud() {
    for odds in [Odds::default(), Odds::BAD_DAY] {
        let server = Server::start(on_cloud::ground(21, odds).await, Settings::default()).await;
        accounts::contract::cases(&server.admin).await;
        let fired = server.stop().await.shim.fired();
        assert_eq!(fired.throttled > 0 && fired.lost > 0, odds == Odds::BAD_DAY, "{fired:?}");
    }
}
