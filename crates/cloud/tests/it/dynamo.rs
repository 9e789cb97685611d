//! The promises that every store makes, on DynamoDB.

use std::sync::Arc;
use std::time::Duration;

use base::clock::ManualClock;
use base::conformance::{Fixture, START};
use base::{Secret, Store};
use cloud::aws::{AccessKey, Aws};
use cloud::dynamo::{DynamoStore, Options};
use testkit::aws::{AwsShim, Moto, Odds};
use uuid::Uuid;

/// An emulator takes its time.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(20);

/// Where the shim is; moto believes any key.
pub(crate) fn behind(shim: &AwsShim) -> Aws {
    let access_key = AccessKey { id: "test".to_owned(), secret: Secret::new("test".to_owned()), session: None };
    Aws { region: Some("eu-west-2".to_owned()), endpoint: Some(shim.url()), access_key: Some(access_key) }
}

/// A store with tables of its own, behind a shim of its own.
pub(crate) async fn store(shim: &AwsShim, clock: &ManualClock) -> DynamoStore {
    let prefix = format!("{}-", Uuid::new_v4().simple());
    let options = Options { prefix, tables: base::conformance::store::TABLES.to_vec(), silence_max: SILENCE_MAX };
    let store = DynamoStore::connect(&behind(shim), options, Arc::new(clock.clone())).await;
    store.tables_create().await.unwrap();
    store
}

async fn fixture(odds: Odds) -> Fixture<dyn Store> {
    let (shim, clock) = (AwsShim::start(Moto::shared(), 7, odds).await, ManualClock::at(START));
    let store: Arc<dyn Store> = Arc::new(store(&shim, &clock).await);
    Fixture::manual(store, clock).keeping(shim)
}

/// DynamoDB itself, or DynamoDB Local, where the environment of the build names one: who we are says the library's chain. Its
/// tables stay, and each test has its own keys in them.
async fn real(endpoint: &str) -> Fixture<dyn Store> {
    let (aws, clock) = (Aws { endpoint: Some(endpoint.to_owned()), ..Aws::default() }, ManualClock::at(START));
    let (prefix, tables) = ("freight-test-".to_owned(), base::conformance::store::TABLES.to_vec());
    let options = Options { prefix, tables, silence_max: SILENCE_MAX };
    let store = DynamoStore::connect(&aws, options, Arc::new(clock.clone())).await;
    store.tables_create().await.unwrap();
    Fixture::manual(Arc::new(store), clock)
}

mod on_a_good_day {
    async fn dynamo() -> super::Fixture<dyn super::Store> {
        match option_env!("FREIGHT_TEST_DYNAMODB") {
            Some(endpoint) => super::real(endpoint).await,
            None => super::fixture(super::Odds::default()).await,
        }
    }

    base::store_conformance!(dynamo);
}

mod on_a_bad_day {
    async fn dynamo() -> super::Fixture<dyn super::Store> {
        super::fixture(super::Odds::BAD_DAY).await
    }

    base::store_conformance!(dynamo);
}
