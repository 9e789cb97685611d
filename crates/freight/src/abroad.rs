//! What flows in from AWS and out to it, besides the backends: services own the traits, `cloud` has the
//! clients, and here they meet.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use cloud::foreign::{self, ForeignError, ForeignTable, ForeignTables};
use cloud::logs::LogEvent;
use cloud::{LogGroup, Outlet};
use ingest::model::TableName;
use ingest::outbound::Tables;
use ingest::outbound::tables::{Part, TablePage, TableTrouble};
use jiff::Timestamp;
use jobs::Stream;
use operations::export::{Export, Letters, Lines};

use crate::config::aws::AwsVariables;
use crate::config::uri::Place;
use crate::{config, ground};

/// Tables that somebody else made, read for ingest.
#[derive(Debug)]
pub struct Abroad(pub ForeignTables);

#[async_trait]
impl Tables for Abroad {
    async fn key(&self, table: &TableName) -> std::result::Result<Vec<String>, TableTrouble> {
        self.0.key(&named(table)).await.map_err(trouble)
    }

    async fn page(
        &self,
        table: &TableName,
        part: Part,
        after: Option<&str>,
    ) -> std::result::Result<TablePage, TableTrouble> {
        let part = foreign::Part { n: part.n, of: part.of };
        let page = self.0.page(&named(table), part, after).await.map_err(trouble)?;
        Ok(TablePage { items: page.items, next: page.next })
    }
}

fn named(table: &TableName) -> ForeignTable {
    ForeignTable { region: table.region().map(str::to_owned), name: table.name().to_owned() }
}

fn trouble(error: ForeignError) -> TableTrouble {
    match error {
        ForeignError::Missing => TableTrouble::Missing,
        ForeignError::Throttled(_) => TableTrouble::Throttled,
        ForeignError::Away(why) => TableTrouble::Away(why),
        ForeignError::Refused(why) => TableTrouble::Refused(why),
    }
}

/// Log lines of jobs, to CloudWatch Logs.
#[derive(Debug)]
struct Journal(LogGroup);

#[async_trait]
impl Lines for Journal {
    async fn take(&self, stream: Stream, lines: Vec<(Timestamp, String)>) -> base::Result<()> {
        let events = lines.into_iter().map(|(at, text)| LogEvent { at, text });
        self.0.put(stream.as_str(), events.collect()).await
    }
}

/// Dead letters, to a queue of SQS.
#[derive(Debug)]
struct DeadLetters(Outlet);

#[async_trait]
impl Letters for DeadLetters {
    async fn take(&self, letters: Vec<String>) -> base::Result<()> {
        self.0.send(&letters).await
    }
}

/// What the queue of dead letters is called, behind its prefix.
pub const DEAD_LETTERS: &str = "dead-letters";

/// The queue that dead letters go to; nothing is asked yet.
pub async fn outlet(aws: &AwsVariables, place: &Place) -> Outlet {
    Outlet::connect(&aws.sqs(place), &place.prefix, DEAD_LETTERS).await
}

/// What is also taken to other systems.
///
/// # Errors
/// When there is no queue for dead letters. A CloudWatch that is away now may come; nobody waits for it.
pub async fn export(settings: &config::Export, aws: &AwsVariables) -> Result<Arc<Export>> {
    let mut lines: Option<Arc<dyn Lines>> = None;
    if let Some(uri) = &settings.journal {
        lines = Some(Arc::new(Journal(LogGroup::connect(&aws.logs(uri), &uri.group).await)));
    }
    let mut letters: Option<Arc<dyn Letters>> = None;
    if let Some(place) = &settings.dead_letters {
        let outlet = outlet(aws, place).await;
        ground::has_all(outlet.missing().await, "export.dead_letters")?;
        letters = Some(Arc::new(DeadLetters(outlet)));
    }
    Ok(Export::new(lines, letters, settings.every))
}
