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

mod on_a_good_day {
    async fn dynamo() -> super::Fixture<dyn super::Store> {
        super::fixture(super::Odds::default()).await
    }

    base::store_conformance!(dynamo);
}

mod on_a_bad_day {
    async fn dynamo() -> super::Fixture<dyn super::Store> {
        super::fixture(super::Odds::BAD_DAY).await
    }

    base::store_conformance!(dynamo);
}
