//! Files into a dataset, while the connection is open.
//!
//! Rows are applied as they come, many transactions at once; the answer is given when every row
//! that it calls saved is durable. A bad row fails alone. A file that breaks off leaves what was
//! applied: importing it again replaces the same records by the same.

use base::{Ctx, Error, Result};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};

use super::Ingest;
use crate::model::{Layout, Malformed, Name};
use crate::rows::{Reader, Row};
use crate::store::intake::Intake;
use crate::store::upsert::Refused;

/// The largest file.
pub const BODY_BYTES_MAX: u64 = 1 << 30;
/// So many failed rows are named; the others are counted.
const FAULTS_KEPT: usize = 1_000;

/// A row that was not saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFault {
    /// Which one, from 1.
    pub row: u64,
    /// Why.
    pub why: Malformed,
}

/// How an import went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Rows that were read.
    pub received: u64,
    /// Rows that are durable.
    pub saved: u64,
    /// Rows that are not records.
    pub failed: u64,
    /// The first thousand of them.
    pub faults: Vec<RowFault>,
}

impl Ingest {
    /// Imports a file. `first_row` is what its first row is called where `$row` is the key.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when the file cannot be read on; what `body` and the store fail with.
    pub async fn import<S>(&self, ctx: &Ctx, name: &Name, reader: Reader, first_row: u64, body: S) -> Result<Report>
    where
        S: Stream<Item = Result<Bytes>> + Send + Unpin,
    {
        let id = ctx.uuid(&format!("dataset {name}"));
        let dataset = self.catalog.written(&ctx.tenant, name, id, ctx.now()).await?.dataset;
        let import = Import {
            reader,
            layout: dataset.layout(),
            intake: Intake::new(self.catalog.shelf(&ctx.tenant, dataset.id), None),
            report: Report::default(),
            before: first_row.saturating_sub(1),
        };
        import.run(body).await.map_err(|error| match error {
            Halt::Error(error) => error,
            Halt::Refused(Refused::Gone) => Error::conflict(format!("Dataset {name} was deleted meanwhile")),
            Halt::Refused(Refused::Fenced) => Error::internal("an import has no fence"),
            Halt::Refused(Refused::Store(error)) => error.into(),
        })
    }
}

/// Why an import ends early.
enum Halt {
    Error(Error),
    Refused(Refused),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Refused> for Halt {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

struct Import {
    reader: Reader,
    layout: Layout,
    intake: Intake,
    report: Report,
    /// How many rows come before the first one of this file.
    before: u64,
}

impl Import {
    async fn run<S>(mut self, mut body: S) -> Result<Report, Halt>
    where
        S: Stream<Item = Result<Bytes>> + Send + Unpin,
    {
        while let Some(chunk) = body.next().await {
            self.reader.push(&chunk?)?;
            self.take().await?;
        }
        self.reader.end()?;
        self.take().await?;
        self.report.saved = self.intake.finish().await?;
        Ok(self.report)
    }

    async fn take(&mut self) -> Result<(), Refused> {
        while let Some(Row { number, record }) = self.reader.next() {
            self.report.received += 1;
            let read = record.and_then(|text| self.layout.record(&text, self.before + number));
            match read {
                Ok(record) => self.intake.add(record).await?,
                Err(why) => {
                    self.report.failed += 1;
                    if self.report.faults.len() < FAULTS_KEPT {
                        self.report.faults.push(RowFault { row: self.before + number, why });
                    }
                }
            }
        }
        Ok(())
    }
}
