//! The contract of accounts, on a SQLite file and in the cloud.

use std::sync::Arc;

use accounts::contract::Mailbox;
use freight::compose::Settings;
use testkit::aws::Odds;

use crate::server::Server;
use crate::{on_cloud, on_file};

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_a_file() {
    let server = Server::start(on_file::ground().await, Settings::default()).await;
    accounts::contract::cases(&server.admin).await;
    server.stop().await;
}

/// A server whose letters go to a mailbox.
fn with_mailbox() -> (Settings, Mailbox) {
    let mailbox = Mailbox::default();
    (Settings { post: Some(Arc::new(mailbox.clone())), ..Settings::default() }, mailbox)
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_holds_on_a_file() {
    let (settings, mailbox) = with_mailbox();
    let server = Server::start(on_file::ground().await, settings).await;
    accounts::contract::sign_in_cases(&server.admin, &mailbox).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_holds_in_the_cloud() {
    let (settings, mailbox) = with_mailbox();
    let server = Server::start(on_cloud::ground(22, Odds::default()).await, settings).await;
    accounts::contract::sign_in_cases(&server.admin, &mailbox).await;
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
