//! The tables themselves: what is missing, what is wrong, and making them.
//!
//! A table has `pk` and `sk`, both texts, is paid for by request, and removes by `ttl` what has
//! expired. Of a table that exists nothing is changed but that, and nothing is removed.

use std::fmt;
use std::time::Duration;

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata as _};
use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableDescription, TableStatus,
    TimeToLiveSpecification, TimeToLiveStatus,
};
use base::Clock as _;
use base::clock::SystemClock;
use base::store::{StoreError, Table};

use super::codec::{PARTITION, SORT, TTL};
use super::{DynamoStore, READY_MAX, answer_within, read_answer};
use crate::patience::CALL_MAX;

/// How long a new table may take to become active.
const CREATE_MAX: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A table as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its full name.
    pub name: String,
    /// What is wrong with it; nothing when it is as it should be.
    pub faults: Vec<Fault>,
}

/// What is wrong with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not there.
    Missing,
    /// It is being made, changed or removed.
    NotActive,
    /// Its keys are not the texts `pk` and `sk`.
    OtherKeys,
    /// Expired items are not removed by `ttl`.
    NoTimeToLive,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "missing",
            Self::NotActive => "not active",
            Self::OtherKeys => "its keys are not the texts pk and sk",
            Self::NoTimeToLive => "expired items are not removed by the attribute ttl",
        })
    }
}

impl DynamoStore {
    /// The full names of the tables that are missing, for who starts and does not want to wait for long.
    ///
    /// # Errors
    /// When DynamoDB does not say.
    pub async fn tables_missing(&self) -> Result<Vec<String>, StoreError> {
        let looks: Vec<_> = self.options.tables.iter().map(|table| self.missing(*table)).collect();
        Ok(futures::future::try_join_all(looks).await?.into_iter().flatten().collect())
    }

    async fn missing(&self, table: Table) -> Result<Option<String>, StoreError> {
        let name = self.table_name(table);
        let described = self.described(&name, READY_MAX).await?;
        Ok(described.is_none().then_some(name))
    }

    /// Looks at every table of ours.
    ///
    /// # Errors
    /// When DynamoDB cannot be asked.
    pub async fn tables_check(&self) -> Result<Vec<Found>, StoreError> {
        let mut found = Vec::with_capacity(self.options.tables.len());
        for table in &self.options.tables {
            let name = self.table_name(*table);
            let faults = self.faults(&name).await?;
            found.push(Found { name, faults });
        }
        Ok(found)
    }

    /// Makes the tables that are missing, and returns their names. Whoever was interrupted, or does it
    /// at the same time as another, makes what is left to make.
    ///
    /// # Errors
    /// When one cannot be made, or does not become active.
    pub async fn tables_create(&self) -> Result<Vec<String>, StoreError> {
        let mut made = Vec::new();
        for table in &self.options.tables {
            let table = self.table_name(*table);
            if self.described(&table, CALL_MAX).await?.is_none() {
                self.create(&table).await?;
                made.push(table);
            }
        }
        for table in &self.options.tables {
            let table = self.table_name(*table);
            self.until_active(&table).await?;
            if self.keeps_all(&table).await?
                && let Err(error) = self.set_ttl(&table).await
                && self.keeps_all(&table).await?
            {
                return Err(error);
            }
        }
        Ok(made)
    }

    /// Whether nobody has said yet that what has expired is removed.
    async fn keeps_all(&self, table: &str) -> Result<bool, StoreError> {
        Ok(self.faults(table).await?.contains(&Fault::NoTimeToLive))
    }

    async fn faults(&self, table: &str) -> Result<Vec<Fault>, StoreError> {
        let Some(described) = self.described(table, CALL_MAX).await? else { return Ok(vec![Fault::Missing]) };
        let mut faults = Vec::new();
        if described.table_status() != Some(&TableStatus::Active) {
            faults.push(Fault::NotActive);
        }
        if !has_our_keys(&described) {
            faults.push(Fault::OtherKeys);
        }
        let ttl = self.client.describe_time_to_live().table_name(table);
        let ttl = read_answer(|| ttl.clone().send()).await?.time_to_live_description;
        let removes = ttl.is_some_and(|ttl| {
            let on = matches!(ttl.time_to_live_status(), Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling));
            on && ttl.attribute_name() == Some(TTL)
        });
        if !removes {
            faults.push(Fault::NoTimeToLive);
        }
        Ok(faults)
    }

    async fn described(&self, table: &str, within: Duration) -> Result<Option<TableDescription>, StoreError> {
        let call = self.client.describe_table().table_name(table);
        let answer = answer_within(within, || async {
            match call.clone().send().await {
                Err(error)
                    if error.as_service_error().is_some_and(DescribeTableError::is_resource_not_found_exception) =>
                {
                    Ok(None)
                }
                answer => answer.map(Some),
            }
        });
        Ok(answer.await?.and_then(|answer| answer.table))
    }

    async fn create(&self, table: &str) -> Result<(), StoreError> {
        let mut call = self.client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
        for (name, kind) in [(PARTITION, KeyType::Hash), (SORT, KeyType::Range)] {
            let text = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
            let part = KeySchemaElement::builder().attribute_name(name).key_type(kind);
            call =
                call.attribute_definitions(text.build().map_err(refused)?).key_schema(part.build().map_err(refused)?);
        }
        match call.send().await {
            Err(error) if error.code() == Some("ResourceInUseException") => Ok(()),
            answer => answer.map(drop).map_err(refused),
        }
    }

    async fn until_active(&self, table: &str) -> Result<(), StoreError> {
        let clock = SystemClock::new();
        while clock.monotonic() < CREATE_MAX {
            let described = self.described(table, CALL_MAX).await?;
            if described.is_some_and(|table| table.table_status() == Some(&TableStatus::Active)) {
                return Ok(());
            }
            clock.sleep(LOOK_EVERY).await;
        }
        Err(StoreError::Unavailable(format!("{table} is not active after {} s", CREATE_MAX.as_secs())))
    }

    async fn set_ttl(&self, table: &str) -> Result<(), StoreError> {
        let ttl = TimeToLiveSpecification::builder().attribute_name(TTL).enabled(true).build().map_err(refused)?;
        let call = self.client.update_time_to_live().table_name(table).time_to_live_specification(ttl);
        call.send().await.map_err(refused)?;
        Ok(())
    }
}

fn has_our_keys(table: &TableDescription) -> bool {
    let keys = [(PARTITION, KeyType::Hash), (SORT, KeyType::Range)];
    let named = |(name, kind): &(&str, KeyType)| {
        table.key_schema().iter().any(|part| part.attribute_name() == *name && part.key_type() == kind)
    };
    let texts = |(name, _): &(&str, KeyType)| {
        let text = |part: &&AttributeDefinition| part.attribute_name() == *name;
        table.attribute_definitions().iter().find(text).map(AttributeDefinition::attribute_type)
            == Some(&ScalarAttributeType::S)
    };
    table.key_schema().len() == keys.len() && keys.iter().all(named) && keys.iter().all(texts)
}

fn refused(error: impl std::error::Error) -> StoreError {
    StoreError::Unavailable(DisplayErrorContext(error).to_string())
}
