//! Fetching a dataset from its source, and how it went.

use std::time::Duration;

use base::{Ctx, Environment, Error, ErrorKind, Result};
use jobs::{Enqueued, NewJob};
use serde_json::json;

use super::Ingest;
use crate::jobs::{FETCH, FetchParams};
use crate::model::run::CALLS_MAX;
use crate::model::{CallError, Name, Sizes, Source, Status};

/// What somebody asks of a run.
#[derive(Clone, Copy, Debug)]
pub struct Fetch {
    /// How many calls; at most so many for sources that follow pages.
    pub calls: u32,
    /// How many records each call asks for, where the source can be asked.
    pub sizes: Sizes,
}

impl Ingest {
    /// Starts a run, or joins the one that is under way.
    ///
    /// # Errors
    /// `NotFound`; `Invalid`, naming the field; `Conflict` for a dataset without a source; `Forbidden` for one
    /// from elsewhere than the sandbox, asked with a test key.
    pub async fn fetch_start(&self, ctx: &Ctx, name: &Name, fetch: Fetch) -> Result<Enqueued> {
        if !(1..=CALLS_MAX).contains(&fetch.calls) {
            return Err(Error::invalid("calls", format!("Allowed: 1 to {CALLS_MAX}")));
        }
        let sizes = fetch.sizes.check()?;
        let id = ctx.uuid(&format!("dataset {name}"));
        let dataset = self.catalog.written(&ctx.tenant, name, id, ctx.now()).await?.dataset;
        let Some(source) = &dataset.definition.source else {
            return Err(Error::conflict(format!(
                "Dataset {name} has no source to fetch from; records are imported into it"
            )));
        };
        self.environment_check(ctx, source)?;
        let params = FetchParams { dataset: name.clone(), calls: fetch.calls, sizes };
        let job = NewJob {
            unique: Some(name.to_string()),
            details: json!({ "dataset": name }),
            ..NewJob::new(FETCH, serde_json::to_string(&params).map_err(Error::internal)?)
        };
        self.engine.job_enqueue(ctx, job).await
    }

    /// Refuses a caller with a test key what is not the sandbox.
    pub(super) fn environment_check(&self, ctx: &Ctx, source: &Source) -> Result<()> {
        if ctx.environment != Environment::Test || self.deps.settings.in_sandbox(&source.url) {
            return Ok(());
        }
        let text = "A test key starts no fetch but from the sandbox, and this source is elsewhere";
        Err(Error::new(ErrorKind::Forbidden, text))
    }

    /// Waits for a run to end; `true` when it has.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn fetch_wait(&self, ctx: &Ctx, run: base::JobId, wait: Duration) -> Result<bool> {
        let job = self.engine.job_wait(&ctx.tenant, run, wait).await?;
        Ok(job.is_some_and(|job| job.status.is_final()))
    }

    /// How the last finished run of a dataset went, and the first thousand calls that failed.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn status(&self, ctx: &Ctx, name: &Name) -> Result<Option<(Status, Vec<CallError>)>> {
        let dataset = self.catalog.get(&ctx.tenant, name).await?.dataset;
        self.catalog.shelf(&ctx.tenant, dataset.id).status().await
    }
}
