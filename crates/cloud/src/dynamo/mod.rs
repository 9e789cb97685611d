//! `Store` on DynamoDB.
//!
//! The actors: a *caller*, who is told only what is so; DynamoDB, which may throttle a call, answer
//! it in part, or do it and lose the answer; and other copies of the server, which write to the
//! same items in the meantime.
//!
//! What makes a write certain:
//!
//! - Several writes are one `TransactWriteItems` whose token is the write's own stamp, so that a
//!   repetition is recognised by DynamoDB, and what comes back is what became of the first.
//! - A put on the condition that the item is absent, or has a certain version, is one conditional
//!   call. Repeating it does no harm: if it was applied, its condition no longer holds, and the item
//!   that stands in its way has our own stamp. An item that somebody deletes between a put whose answer
//!   was lost and its repetition, some milliseconds, comes back: what has to be made once is not deleted
//!   by who did not make it.
//! - Every other single write is a transaction of one. Repeated without a token, an `Add` would
//!   count twice, and a delete or an unconditional put could undo what somebody else was told is
//!   durable ([why](../../../../docs/decisions/0020-a-transaction-of-one.md)).
//!
//! A maintainer could get it wrong by giving a repetition another token or another reading of the
//! clock: then it is another transaction.
//!
//! Read on: `codec` (how an item looks), `terms` (conditions), `read`, `steps` (a
//! transaction's), `write`, `bulk`, `tables`.

mod bulk;
mod codec;
mod read;
mod steps;
mod tables;
mod terms;
mod write;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use base::store::{Bulk, Item, Key, Query, Range, Slice, StoreError, Table, Version, Write};
use base::{Clock, Store};
use jiff::Timestamp;

use crate::Aws;
use crate::aws::{ATTEMPT_MAX, https};
use crate::patience::{self, CALL_MAX, Given};
use crate::pulse::Pulse;

pub use codec::{PARTITION, SORT, TTL};
pub use tables::{Fault, Found};

/// Who asks whether we are ready does not want to wait for long.
const READY_MAX: Duration = Duration::from_secs(2);

/// Which tables are ours.
#[derive(Clone, Debug)]
pub struct Options {
    /// What begins the name of every table.
    pub prefix: String,
    /// The tables there are; [`Store::ready`] asks the first.
    pub tables: Vec<Table>,
    /// How long DynamoDB may answer nobody of this process before it counts as away.
    pub silence_max: Duration,
}

/// The store that many copies share.
#[derive(Clone, Debug)]
pub struct DynamoStore {
    client: Client,
    clock: Arc<dyn Clock>,
    options: Options,
}

impl DynamoStore {
    /// A store whose items expire by `clock`. Nothing is asked yet.
    pub async fn connect(aws: &Aws, options: Options, clock: Arc<dyn Clock>) -> Self {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_MAX).build();
        let pulse = Pulse::before(https(), options.silence_max);
        let config = aws_sdk_dynamodb::config::Builder::from(&aws.sdk_config().await)
            .timeout_config(timeouts)
            .http_client(pulse);
        Self { client: Client::from_conf(config.build()), clock, options }
    }

    fn table_name(&self, table: Table) -> String {
        format!("{}{}", self.options.prefix, table.0)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

#[async_trait]
impl Store for DynamoStore {
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        read::get_many(self, keys).await
    }

    async fn query(&self, query: Query) -> Result<Slice, StoreError> {
        read::query(self, query).await
    }

    async fn count(&self, table: Table, partition: &str, range: Range) -> Result<u64, StoreError> {
        read::count(self, table, partition, range).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Version, StoreError> {
        write::write(self, writes).await
    }

    async fn bulk(&self, table: Table, writes: Vec<Bulk>) -> Result<(), StoreError> {
        bulk::bulk(self, table, writes).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        let Some(table) = self.options.tables.first() else { return Ok(()) };
        let key = codec::key(&Key::new(*table, "ready", "ready"));
        let get = self.client.get_item().table_name(self.table_name(*table)).set_key(Some(key));
        answer_within(READY_MAX, || get.clone().send()).await.map(drop)
    }
}

/// Repeats a call that changes nothing until it is answered.
async fn read_answer<T, E, F>(call: impl Fn() -> F) -> Result<T, StoreError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    F: Future<Output = Result<T, SdkError<E>>>,
{
    answer_within(CALL_MAX, call).await
}

async fn answer_within<T, E, F>(within: Duration, call: impl Fn() -> F) -> Result<T, StoreError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    F: Future<Output = Result<T, SdkError<E>>>,
{
    patience::answer(within, call).await.map_err(unread)
}

/// A read that was given up: nothing can have been applied, whatever was lost.
fn unread(given: Given) -> StoreError {
    match given {
        Given::Lost(what) => StoreError::Unavailable(what),
        given => unwritten(given),
    }
}

/// A write that was given up.
fn unwritten(given: Given) -> StoreError {
    match given {
        Given::Busy(_) => StoreError::Busy,
        Given::Lost(what) => StoreError::Unknown(what),
        Given::Refused(code, _) if code == "ResourceNotFoundException" => {
            StoreError::Unavailable("a table is missing: `freight tables create` makes it".to_owned())
        }
        Given::Refused(code, said) => StoreError::Unavailable(format!("{code}: {said}")),
    }
}
