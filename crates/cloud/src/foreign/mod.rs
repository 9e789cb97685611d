//! Tables of other programs, read whole: any keys, any types.
//!
//! The opposite of [`dynamo`](crate::dynamo): these tables are not ours, nothing is written to them,
//! and reading all of one is the purpose. A table is read in parts, and each part page by page, from
//! a place that is a text, so that whoever is interrupted goes on with what it kept. Reads are
//! consistent: what was written before a reading began is in it. A page may be empty and still lead
//! to the next.
//!
//! `json` says how an item becomes a text.

mod json;

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::types::KeyType;
use tokio::sync::Mutex;

use crate::Aws;
use crate::aws::ATTEMPT_MAX;
use crate::patience::{self, CALL_MAX, Given};

/// A table of somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ForeignTable {
    /// Where it is; `None` leaves it to the environment.
    pub region: Option<String>,
    /// What it is called.
    pub name: String,
}

/// Which part of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which one, from 0.
    pub n: u32,
    /// Of how many, from 1.
    pub of: u32,
}

/// Some of a table's items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForeignPage {
    /// Each as the text of a JSON object.
    pub items: Vec<String>,
    /// Where to go on; `None` at the end.
    pub next: Option<String>,
}

/// Why a table was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForeignError {
    /// There is no such table.
    #[error("there is no such table")]
    Missing,
    /// It is asked for more than it may answer now.
    #[error("throttled: {0}")]
    Throttled(String),
    /// Nobody answered.
    #[error("no answer: {0}")]
    Away(String),
    /// It will not be read, however often it is asked.
    #[error("{0}")]
    Refused(String),
}

/// Reads tables of other programs.
#[derive(Clone, Debug)]
pub struct ForeignTables {
    aws: Aws,
    clients: Arc<Mutex<HashMap<Option<String>, Client>>>,
}

impl ForeignTables {
    /// A reader that has asked nothing yet; a table that names no region is looked for in that of `aws`.
    pub fn new(aws: Aws) -> Self {
        Self { aws, clients: Arc::default() }
    }

    async fn client(&self, region: Option<&String>) -> Client {
        let mut clients = self.clients.lock().await;
        if let Some(client) = clients.get(&region.cloned()) {
            return client.clone();
        }
        let aws = Aws { region: region.or(self.aws.region.as_ref()).cloned(), ..self.aws.clone() };
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_MAX).build();
        let config = aws_sdk_dynamodb::config::Builder::from(&aws.sdk_config().await).timeout_config(timeouts);
        let client = Client::from_conf(config.build());
        clients.insert(region.cloned(), client.clone());
        client
    }

    /// The attributes of a table's key, the partition's first.
    ///
    /// # Errors
    /// [`ForeignError`].
    pub async fn key(&self, table: &ForeignTable) -> Result<Vec<String>, ForeignError> {
        let client = self.client(table.region.as_ref()).await;
        let call = client.describe_table().table_name(&table.name);
        let found = patience::answer(CALL_MAX, || call.clone().send()).await?.table;
        let mut schema = found.and_then(|table| table.key_schema).unwrap_or_default();
        schema.sort_by_key(|element| element.key_type != KeyType::Hash);
        Ok(schema.into_iter().map(|element| element.attribute_name).collect())
    }

    /// A page of a part, from the beginning or from where another page ended; up to 1 MB of the table.
    ///
    /// # Errors
    /// [`ForeignError`]; `Refused` also for a place that is none of ours.
    pub async fn page(
        &self,
        table: &ForeignTable,
        part: Part,
        after: Option<&str>,
    ) -> Result<ForeignPage, ForeignError> {
        let client = self.client(table.region.as_ref()).await;
        let count = |n: u32| i32::try_from(n).ok().filter(|_| part.of > 1);
        let call = client
            .scan()
            .table_name(&table.name)
            .consistent_read(true)
            .set_segment(count(part.n))
            .set_total_segments(count(part.of))
            .set_exclusive_start_key(after.map(json::place_read).transpose()?);
        let page = patience::answer(CALL_MAX, || call.clone().send()).await?;
        let items = page.items.unwrap_or_default();
        Ok(ForeignPage {
            items: items.iter().map(json::item).collect::<Result<_, _>>()?,
            next: page.last_evaluated_key.filter(|key| !key.is_empty()).as_ref().map(json::place).transpose()?,
        })
    }
}

impl From<Given> for ForeignError {
    fn from(given: Given) -> Self {
        match given {
            Given::Busy(what) => Self::Throttled(what),
            Given::Lost(what) => Self::Away(what),
            Given::Refused(code, _) if code == "ResourceNotFoundException" => Self::Missing,
            Given::Refused(code, said) => Self::Refused(format!("{code}: {said}")),
        }
    }
}
