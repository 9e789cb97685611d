//! What a stranger gets wrong, and what we say: one table, each row with the status, the code for
//! programs, and the field that is named.
//!
//! The server is the program's own composition on memory, with a clock that stands still: no case
//! waits for anything. Each row also shows that the answer is a whole problem document, that
//! nothing of what was sent as a secret comes back, and that the server is well afterwards.

mod accounts;
mod auth;
mod carts;
mod case;
mod configuration;
mod ingest;
mod operations;
mod requests;
mod source;

use std::sync::Arc;
use std::time::Duration;

use base::clock::ManualClock;
use case::Case;
use freight::compose::{Settings, compose};
use freight::ground::Ground;
use testkit::Client;

/// Long enough for every limit that is counted by the minute to forget the last row.
const BETWEEN_ROWS: Duration = Duration::from_secs(61);

#[tokio::test]
async fn every_bad_request_is_refused_with_its_field() {
    let clock = ManualClock::at("2026-01-15T10:00:00Z".parse().unwrap());
    let ground = Ground::memory(Arc::new(clock.clone()));
    let server = compose(&ground, Settings::default()).await.unwrap();
    let key = server.accounts.bootstrap().await.unwrap().unwrap().text.expose().clone();
    let client = Client::app(&server.app);
    let admin = client.with_key(&key);
    case::prepare(&admin).await;

    let cases: Vec<Case> = [
        requests::cases(),
        accounts::cases(),
        auth::cases(),
        ingest::cases(),
        source::cases(),
        carts::cases(),
        operations::cases(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut wrong = Vec::new();
    for case in &cases {
        clock.advance(BETWEEN_ROWS);
        wrong.extend(case.run(&client, &key).await);
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    let rows = cases.len() + configuration::BAD.len();
    assert!(rows >= 150, "only {rows} rows");
    clock.advance(BETWEEN_ROWS);
    assert_eq!(admin.get("/api/v1/me").await.status, 200);
}
