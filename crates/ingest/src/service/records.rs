//! Reading records: by key, in order, a page or all of them; also for who is not this service.

use base::store::Range;
use base::{Ctx, Error, Page, Result, Scope, TenantId};

use super::{Catalog, Ingest};
use crate::model::redact::Redaction;
use crate::model::scalar::string_prefix;
use crate::model::{Dataset, Layout, Name};
use crate::rows::table::Columns;
use crate::store::ordered::{Entry, Scan};

/// All records of a dataset, one after the other, as the caller may see them.
pub struct Reading {
    scan: Scan,
    redaction: Redaction,
}

impl Reading {
    /// The next record.
    ///
    /// # Errors
    /// What the store fails with; the reading is over then.
    pub async fn next(&mut self) -> Result<Option<String>> {
        Ok(self.scan.next().await?.map(|entry| self.redaction.apply(entry.text)))
    }
}

/// All records of a dataset with their keys, for who is not this service.
pub struct Walk {
    scan: Scan,
    layout: Layout,
    redaction: Redaction,
}

/// A record that was walked past.
pub struct Walked {
    /// Its key.
    pub key: String,
    /// Its place in the order: where a walk goes on.
    pub place: String,
    /// Its text, as far as it may be seen.
    pub text: String,
}

impl Walk {
    /// The next record.
    ///
    /// # Errors
    /// What the store fails with, and `Internal` for a record that cannot be read; the walk is over then.
    pub async fn next(&mut self) -> Result<Option<Walked>> {
        let Some(Entry { place, text, .. }) = self.scan.next().await? else { return Ok(None) };
        let key = self.layout.key(&text, &place);
        let key = key.ok_or_else(|| Error::internal("a record that is kept has no key"))?;
        Ok(Some(Walked { key, place, text: self.redaction.apply(text) }))
    }
}

impl Catalog {
    /// The records of a dataset in order, from behind the place `after` on; `sensitive` shows what is
    /// redacted.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn walk(
        &self,
        tenant: &TenantId,
        dataset: &Dataset,
        sensitive: bool,
        after: Option<String>,
    ) -> Result<Walk> {
        let scan = self.shelf(tenant, dataset.id).scan(Range::All, after).await?;
        let redaction = if sensitive { Redaction::none() } else { Redaction::of(&dataset.definition.redact) };
        Ok(Walk { scan, layout: dataset.layout(), redaction })
    }
}

impl Ingest {
    /// One record, as the caller may see it.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn record_get(&self, ctx: &Ctx, name: &Name, key: &str) -> Result<Entry> {
        let dataset = self.catalog.get(&ctx.tenant, name).await?.dataset;
        let found = self.catalog.shelf(&ctx.tenant, dataset.id).record(key).await?;
        let missing = || Error::not_found(format!("Record {} not found in dataset {name}", base::id::shown(key)));
        let entry = found.ok_or_else(missing)?;
        Ok(Entry { text: redaction(ctx, &dataset).apply(entry.text), ..entry })
    }

    /// A page in order, of records whose sort value begins with `prefix`, behind the place `after`.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn record_page(
        &self,
        ctx: &Ctx,
        name: &Name,
        prefix: Option<&str>,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<String>> {
        let dataset = self.catalog.get(&ctx.tenant, name).await?.dataset;
        let page = self.catalog.shelf(&ctx.tenant, dataset.id).page(range(prefix), after, limit).await?;
        let redaction = redaction(ctx, &dataset);
        Ok(page.map(|entry| redaction.apply(entry.text)))
    }

    /// The top-level fields of all records, in the order in which they are first met: the columns
    /// of a table that leaves nothing out.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn record_columns(&self, ctx: &Ctx, name: &Name, prefix: Option<&str>) -> Result<Vec<String>> {
        let mut reading = self.record_scan(ctx, name, prefix).await?;
        let mut columns = Columns::default();
        while let Some(record) = reading.next().await? {
            columns.add(&record)?;
        }
        Ok(columns.into_names())
    }

    /// All of them in order.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn record_scan(&self, ctx: &Ctx, name: &Name, prefix: Option<&str>) -> Result<Reading> {
        let dataset = self.catalog.get(&ctx.tenant, name).await?.dataset;
        let scan = self.catalog.shelf(&ctx.tenant, dataset.id).scan(range(prefix), None).await?;
        Ok(Reading { scan, redaction: redaction(ctx, &dataset) })
    }
}

fn redaction(ctx: &Ctx, dataset: &Dataset) -> Redaction {
    if ctx.scopes.contains(Scope::IngestSensitive) {
        Redaction::none()
    } else {
        Redaction::of(&dataset.definition.redact)
    }
}

fn range(prefix: Option<&str>) -> Range {
    prefix.map_or(Range::All, |prefix| Range::Prefix(string_prefix(prefix)))
}
