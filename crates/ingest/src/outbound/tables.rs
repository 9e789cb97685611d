//! Tables of DynamoDB that somebody else made.
//!
//! This crate knows no client of AWS: whoever composes the program brings one. Which tables a tenant
//! may read is the operator's to say, table by table, since they are read with the server's own
//! identity.

use std::fmt;

use async_trait::async_trait;

use crate::model::TableName;

/// Which part of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Part {
    /// Which one, from 0.
    pub n: u32,
    /// Of how many, from 1.
    pub of: u32,
}

/// Some of a table's items.
#[derive(Clone, Debug, Default)]
pub struct TablePage {
    /// Each as the text of a JSON object, always the same for the same item.
    pub items: Vec<String>,
    /// Where to go on, as a text; `None` at the end.
    pub next: Option<String>,
}

/// Why a table was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableTrouble {
    /// There is no such table.
    Missing,
    /// It is asked for more than it may answer now.
    Throttled,
    /// Nobody answered; why, for the operator.
    Away(String),
    /// It will not be read, however often it is asked; why, for the operator.
    Refused(String),
}

/// Reads tables. What is written before a reading begins is in it.
#[async_trait]
pub trait Tables: fmt::Debug + Send + Sync + 'static {
    /// The names of the attributes that are a table's key, the partition's first.
    ///
    /// # Errors
    /// [`TableTrouble`].
    async fn key(&self, table: &TableName) -> Result<Vec<String>, TableTrouble>;

    /// A page of a part, from the beginning or from where another one ended. It may be empty and not
    /// the last.
    ///
    /// # Errors
    /// [`TableTrouble`].
    async fn page(&self, table: &TableName, part: Part, after: Option<&str>) -> Result<TablePage, TableTrouble>;
}

/// Where there are none.
#[derive(Clone, Copy, Debug)]
pub struct NoTables;

#[async_trait]
impl Tables for NoTables {
    async fn key(&self, _: &TableName) -> Result<Vec<String>, TableTrouble> {
        Err(TableTrouble::Missing)
    }

    async fn page(&self, _: &TableName, _: Part, _: Option<&str>) -> Result<TablePage, TableTrouble> {
        Err(TableTrouble::Missing)
    }
}
