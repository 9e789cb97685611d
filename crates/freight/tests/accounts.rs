//! The contract of accounts, on a SQLite file.

#![expect(clippy::unwrap_used, reason = "a test ends by panicking")]

mod on_file;
mod server;

use freight::compose::Settings;
use server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_a_file() {
    let server = Server::start(Settings::default()).await;
    accounts::contract::cases(&server.admin).await;
    server.stop().await;
}
