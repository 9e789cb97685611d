//! Making, changing and removing datasets.

use base::store::Version;
use base::{Ctx, Error, Page, Result};
use jobs::{Job, NewJob, NewSchedule};
use serde_json::json;

use super::Ingest;
use crate::jobs::{FETCH, FetchParams, REMOVE, RemoveParams};
use crate::model::{Dataset, Definition, Name, Path, Source};
use crate::outbound::guard::Refusal;
use crate::store::head::Stamped;

/// A dataset, its stamp, and how many records it has.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The dataset.
    pub dataset: Dataset,
    /// The stamp of its head.
    pub version: Option<Version>,
    /// How many records it has.
    pub count: u64,
}

/// What somebody changes about a dataset.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Another source, or none any more.
    pub source: Option<Option<Source>>,
    /// Whether carts of anonymous sessions may hold its records.
    pub public: Option<bool>,
    /// What callers without `ingest:sensitive` may not see.
    pub redact: Option<Vec<Path>>,
}

impl Ingest {
    /// Makes a dataset.
    ///
    /// # Errors
    /// `Invalid`, naming the field; `Conflict` when the name is taken; `Forbidden` for a schedule that fetches
    /// from elsewhere than the sandbox, asked with a test key.
    pub async fn dataset_create(&self, ctx: &Ctx, definition: Definition) -> Result<Summary> {
        definition.check()?;
        let name = definition.name.clone();
        let taken = || Error::conflict(format!("There is a dataset {name} already"));
        // This very request may have made it before, and died before it could say so.
        let id = ctx.uuid(&format!("dataset {name}"));
        if self.catalog.find(&ctx.tenant, &name).await?.is_some_and(|there| there.dataset.id != id) {
            return Err(taken());
        }
        self.schedule_check(ctx, definition.source.as_ref())?;
        self.source_check(ctx, definition.source.as_ref()).await?;
        self.schedule_follow(ctx, &definition).await?;
        let dataset = Dataset { definition, id, created_at: ctx.now(), updated_at: ctx.now() };
        if let Err(error) = self.catalog.heads().create(&ctx.tenant, &dataset).await {
            // Somebody was faster, or the answer was lost: what is stored decides.
            let Some(other) = self.catalog.find(&ctx.tenant, &name).await? else {
                return Err(error);
            };
            self.schedule_follow(ctx, &other.dataset.definition).await?;
            if other.dataset.id != id {
                return Err(taken());
            }
        }
        self.dataset_get(ctx, &name).await
    }

    /// Reads a dataset.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn dataset_get(&self, ctx: &Ctx, name: &Name) -> Result<Summary> {
        let stamped = self.catalog.get(&ctx.tenant, name).await?;
        self.summary(ctx, stamped).await
    }

    /// Lists datasets by name; those that are built in and empty come first.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn dataset_page(&self, ctx: &Ctx, after: Option<String>, limit: usize) -> Result<Page<Summary>> {
        let mut found = Vec::new();
        if after.is_none() {
            for stamped in self.catalog.unwritten() {
                if self.catalog.heads().get(&ctx.tenant, stamped.dataset.name()).await?.is_none() {
                    found.push(stamped);
                }
            }
        }
        found.truncate(limit);
        let room = limit - found.len();
        let page = match room {
            0 => Page { items: Vec::new(), next: Some(String::from("\u{0}")) },
            room => self.catalog.heads().page(&ctx.tenant, after, room).await?,
        };
        found.extend(page.items.into_iter().map(|stored| self.catalog.current(stored)));
        let mut items = Vec::with_capacity(found.len());
        for stamped in found {
            items.push(self.summary(ctx, stamped).await?);
        }
        Ok(Page { items, next: page.next })
    }

    /// Changes a dataset; `seen` refuses a stamp that the caller did not mean.
    ///
    /// # Errors
    /// `NotFound`; `Invalid`, naming the field; `PreconditionFailed` from `seen`; `Conflict`; `Forbidden` as for
    /// [`dataset_create`](Self::dataset_create).
    pub async fn dataset_update(
        &self,
        ctx: &Ctx,
        name: &Name,
        change: Change,
        seen: impl FnOnce(Option<Version>) -> Result<()>,
    ) -> Result<Summary> {
        let id = ctx.uuid(&format!("dataset {name}"));
        let Stamped { mut dataset, version } = self.catalog.written(&ctx.tenant, name, id, ctx.now()).await?;
        seen(version)?;
        let definition = &mut dataset.definition;
        definition.public = change.public.unwrap_or(definition.public);
        definition.redact = change.redact.unwrap_or_else(|| std::mem::take(&mut definition.redact));
        if let Some(source) = change.source {
            definition.source = self.source_change(name, definition.source.take(), source)?;
            self.schedule_check(ctx, definition.source.as_ref())?;
        }
        definition.check()?;
        self.source_check(ctx, definition.source.as_ref()).await?;
        self.schedule_follow(ctx, definition).await?;
        dataset.updated_at = ctx.now();
        self.catalog.heads().replace(&ctx.tenant, &dataset, version).await?;
        self.dataset_get(ctx, name).await
    }

    /// Of a source that is built in only the schedule is the tenant's.
    fn source_change(&self, name: &Name, before: Option<Source>, after: Option<Source>) -> Result<Option<Source>> {
        if self.catalog.builtin(name).is_none() {
            return Ok(after);
        }
        let schedule = after.as_ref().and_then(|source| source.schedule.clone());
        let same = before.map(|before| Source { schedule: schedule.clone(), ..before });
        if after == same {
            return Ok(after);
        }
        Err(Error::invalid(
            "source",
            format!("{name} is built in. Allowed: another schedule, and nothing else changed"),
        ))
    }

    /// Makes a dataset disappear at once; the job removes its records.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when somebody changed it meanwhile.
    pub async fn dataset_delete(&self, ctx: &Ctx, name: &Name) -> Result<Job> {
        let id = ctx.uuid(&format!("dataset {name}"));
        let stamped = self.catalog.written(&ctx.tenant, name, id, ctx.now()).await?;
        let params = RemoveParams { dataset: name.clone(), id: stamped.dataset.id };
        let job = NewJob {
            details: json!({ "dataset": name }),
            writes: self.catalog.heads().removal(&ctx.tenant, &stamped),
            ..NewJob::new(REMOVE, serde_json::to_string(&params).map_err(Error::internal)?)
        };
        let enqueued = self.engine.job_enqueue(ctx, job).await?;
        self.schedule_drop(ctx, name).await?;
        Ok(enqueued.job)
    }

    async fn summary(&self, ctx: &Ctx, stamped: Stamped) -> Result<Summary> {
        let Stamped { dataset, version } = stamped;
        let count = self.catalog.shelf(&ctx.tenant, dataset.id).count().await?;
        Ok(Summary { dataset, version, count })
    }

    /// Refuses a source that could never be called.
    async fn source_check(&self, ctx: &Ctx, source: Option<&Source>) -> Result<()> {
        let Some(source) = source else { return Ok(()) };
        let wrong = |refusal: Refusal| {
            Error::invalid("source.url", format!("Not allowed: {refusal}. Allowed: https URLs of public hosts"))
        };
        if let Some(table) = source.table() {
            return self.table_check(&ctx.tenant, &table);
        }
        let settings = &self.deps.settings;
        let target = settings.guard.preview(&source.url, self.deps.lookup.as_ref()).await.map_err(wrong)?;
        let Some(auth) = &source.auth else { return Ok(()) };
        let sent = |credential: &&super::Credential| {
            credential.tenant == ctx.tenant
                && credential.name == auth.secret()
                && target.url.host_str() == Some(&credential.host)
        };
        settings.credentials.iter().find(sent).map(|_| ()).ok_or_else(|| {
            let why = "No credential of this name is configured for this tenant and this host. Allowed: one of the configuration";
            Error::invalid("source.auth.secret", why)
        })
    }

    /// Refuses a schedule by which would be fetched what the caller may not fetch.
    fn schedule_check(&self, ctx: &Ctx, source: Option<&Source>) -> Result<()> {
        match source.filter(|source| source.schedule.is_some()) {
            Some(source) => self.environment_check(ctx, source),
            None => Ok(()),
        }
    }

    fn schedule_name(name: &Name) -> String {
        format!("ingest.{name}")
    }

    /// The engine's schedule of a dataset is the one its definition says.
    async fn schedule_follow(&self, ctx: &Ctx, definition: &Definition) -> Result<()> {
        let when = definition.source.as_ref().and_then(|source| source.schedule.clone());
        let Some(when) = when else { return self.schedule_drop(ctx, &definition.name).await };
        let params = serde_json::to_string(&FetchParams::of(definition.name.clone())).map_err(Error::internal)?;
        let unique = Some(definition.name.to_string());
        let new = NewSchedule { name: Self::schedule_name(&definition.name), when, kind: FETCH, params, unique };
        match self.engine.schedule_put(ctx, new).await {
            Ok(_) => Ok(()),
            Err(error) if error.details().iter().any(|detail| detail.field == "when") => {
                Err(Error::invalid("source.schedule", error.message()))
            }
            Err(error) => Err(error),
        }
    }

    async fn schedule_drop(&self, ctx: &Ctx, name: &Name) -> Result<()> {
        let schedule = Self::schedule_name(name);
        if self.engine.schedule_get(&ctx.tenant, &schedule).await?.is_none() {
            return Ok(());
        }
        match self.engine.schedule_remove(ctx, &schedule).await {
            Err(error) if error.kind() != base::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
