//! What goes over the wire. Stored types are others.

use base::{Error, JobId, Result};
use jiff::Timestamp;
use jobs::Job;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::model::dataset::OneOrMany;
use crate::model::run::CALLS_DEFAULT;
use crate::model::{CallError, Definition, Name, Path, Rule, Sizes, Source, Status};
use crate::service::{Change, Fetch, Report, RowFault, Summary};

/// A dataset.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DatasetView {
    /// Its name.
    name: String,
    /// Where its records come from; null when they are only imported.
    source: Option<Source>,
    /// What names a record: a path, a list of paths, or `$row`.
    key: PathsView,
    /// What orders the records: a path, a list of paths, or `$row`.
    sort: PathsView,
    /// Whether carts of anonymous sessions may hold its records.
    public: bool,
    /// What callers without `ingest:sensitive` do not see.
    redact: Vec<String>,
    /// How many records it has.
    count: u64,
    /// When it was made; null for one that is built in and was never written to.
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    /// When its definition last changed.
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
    /// Where to go from here.
    links: DatasetLinks,
}

/// Where to go from a dataset.
#[derive(Debug, Serialize, ToSchema)]
struct DatasetLinks {
    #[serde(rename = "self")]
    this: String,
    records: String,
    fetch: String,
    import: String,
    export: String,
    status: String,
}

/// A path or a list of paths.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub(super) enum PathsView {
    /// One path, or `$row`.
    One(String),
    /// Several paths.
    Many(Vec<String>),
}

impl From<Rule> for PathsView {
    fn from(rule: Rule) -> Self {
        match OneOrMany::from(rule) {
            OneOrMany::One(path) => Self::One(path),
            OneOrMany::Many(paths) => Self::Many(paths),
        }
    }
}

impl PathsView {
    fn rule(self, field: &str) -> Result<Rule> {
        let texts = match self {
            Self::One(path) => OneOrMany::One(path),
            Self::Many(paths) => OneOrMany::Many(paths),
        };
        Rule::try_from(texts).map_err(|error| Error::invalid(field, error.message()))
    }
}

impl From<Summary> for DatasetView {
    fn from(summary: Summary) -> Self {
        let Summary { dataset, version, count } = summary;
        let this = format!("/api/v1/datasets/{}", dataset.name());
        let links = DatasetLinks {
            records: format!("{this}/records"),
            fetch: format!("{this}/fetch"),
            import: format!("{this}/import"),
            export: format!("{this}/export"),
            status: format!("{this}/status"),
            this,
        };
        let Definition { name, source, key, sort, public, redact } = dataset.definition;
        Self {
            name: name.to_string(),
            source,
            key: key.into(),
            sort: sort.into(),
            public,
            redact: redact.iter().map(ToString::to_string).collect(),
            count,
            created_at: version.map(|_| dataset.created_at),
            updated_at: version.map(|_| dataset.updated_at),
            links,
        }
    }
}

/// A dataset to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DatasetCreate {
    /// Its name: `[a-z0-9][a-z0-9_-]{0,62}`.
    #[schema(example = "companies")]
    name: String,
    /// What names a record: a path, a list of paths, or `$row`. A table's own key unless said.
    key: Option<PathsView>,
    /// What orders the records: a path, a list of paths, or `$row`; the key unless said.
    sort: Option<PathsView>,
    /// Where its records come from.
    source: Option<Source>,
    /// Whether carts of anonymous sessions may hold its records.
    #[serde(default)]
    public: bool,
    /// What callers without `ingest:sensitive` may not see.
    #[serde(default)]
    redact: Vec<String>,
}

impl DatasetCreate {
    /// What names a record, if it was said.
    pub(super) fn key(&mut self) -> Result<Option<Rule>> {
        self.key.take().map(|key| key.rule("key")).transpose()
    }

    pub(super) fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    pub(super) fn definition(self, key: Rule) -> Result<Definition> {
        let sort = self.sort.map_or_else(|| Ok(key.clone()), |sort| sort.rule("sort"))?;
        let name = self.name.parse()?;
        Ok(Definition { name, source: self.source, key, sort, public: self.public, redact: paths(self.redact)? })
    }
}

/// What to change about a dataset; what is absent stays. Its key and sort never change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DatasetPatch {
    /// Another source; null for none.
    #[serde(default, deserialize_with = "present")]
    source: Option<Option<Source>>,
    /// Whether carts of anonymous sessions may hold its records.
    public: Option<bool>,
    /// What callers without `ingest:sensitive` may not see.
    redact: Option<Vec<String>>,
}

impl DatasetPatch {
    pub(super) fn change(self) -> Result<Change> {
        Ok(Change { source: self.source, public: self.public, redact: self.redact.map(paths).transpose()? })
    }
}

/// Tells `null` from absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Source>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn paths(texts: Vec<String>) -> Result<Vec<Path>> {
    let path = |text: String| text.parse().map_err(|error: Error| Error::invalid("redact", error.message()));
    texts.into_iter().map(path).collect()
}

/// A run to be started.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FetchCreate {
    /// How many calls; at most so many where one answer leads to the next. A table is read to its end.
    #[schema(minimum = 1, maximum = 100_000, default = 20)]
    calls: Option<u32>,
    /// How many records each call asks for.
    size: Option<SizeView>,
}

/// A number, or a range from which each call's is drawn.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
enum SizeView {
    /// Always so many.
    Exact(u32),
    /// From `min` to `max`, both included.
    Drawn {
        /// At least.
        min: u32,
        /// At most.
        max: u32,
    },
}

impl From<FetchCreate> for Fetch {
    fn from(body: FetchCreate) -> Self {
        let sizes = match body.size {
            None => Sizes::default(),
            Some(SizeView::Exact(size)) => Sizes { min: size, max: size },
            Some(SizeView::Drawn { min, max }) => Sizes { min, max },
        };
        Self { calls: body.calls.unwrap_or(CALLS_DEFAULT), sizes }
    }
}

/// A job that was accepted; `links.self` has all of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobAccepted {
    /// Its id.
    #[schema(value_type = String, format = Uuid)]
    id: JobId,
    /// Which kind.
    kind: String,
    /// Where it stands.
    status: String,
    /// Which dataset it is about.
    dataset: String,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Whether it was under way already.
    joined: bool,
    /// Where to go from here.
    links: JobLinks,
}

/// Where to go from a job.
#[derive(Debug, Serialize, ToSchema)]
struct JobLinks {
    #[serde(rename = "self")]
    this: String,
    logs: String,
    events: String,
    batches: String,
    cancel: String,
}

/// Where a job is.
pub(super) fn job_path(id: JobId) -> String {
    format!("/api/v1/jobs/{id}")
}

impl JobAccepted {
    pub(super) fn new(job: &Job, dataset: &Name, joined: bool) -> Self {
        let this = job_path(job.id);
        let links = JobLinks {
            logs: format!("{this}/logs"),
            events: format!("{this}/events"),
            batches: format!("{this}/batches"),
            cancel: format!("{this}/cancel"),
            this,
        };
        Self {
            id: job.id,
            kind: job.kind.clone(),
            status: job.status.to_string(),
            dataset: dataset.to_string(),
            created_at: job.created_at,
            joined,
            links,
        }
    }
}

/// How the last finished run went.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StatusView {
    /// Records durably saved.
    #[schema(example = 1623)]
    users: i64,
    /// The same, for datasets that are not users.
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<i64>,
    /// Calls that came to an end, well or not.
    #[schema(example = 60)]
    api_calls: i64,
    /// The first thousand calls that failed for good.
    errors: Vec<CallErrorView>,
    /// How many calls failed for good, in all.
    error_count: i64,
    /// When it started, in milliseconds of Unix time.
    #[schema(example = 1_700_449_327_942_i64)]
    timestamp: i64,
    /// How long it took, in seconds.
    #[schema(example = 24.515415)]
    duration: f64,
    /// Which job it was.
    #[schema(value_type = String, format = Uuid)]
    job_id: JobId,
}

/// A call that failed for good.
#[derive(Debug, Serialize, ToSchema)]
struct CallErrorView {
    /// Which address was called.
    #[schema(example = "https://random-data-api.com/api/v2/users")]
    host: String,
    /// What went wrong.
    #[schema(example = "An unexpected error occurred when fetching users.")]
    message: String,
    /// The status that was answered; null when nothing was.
    #[schema(example = 200)]
    response: Option<u16>,
    /// The body that was answered, cut with a mark where it is long; null when there was none.
    #[schema(example = "{\"message\":\"Maximum allowed size is 100\"}")]
    response_content: Option<String>,
}

impl From<CallError> for CallErrorView {
    fn from(error: CallError) -> Self {
        let CallError { host, message, response, response_content } = error;
        Self { host, message, response, response_content }
    }
}

impl StatusView {
    pub(super) fn new(dataset: &Name, (status, errors): (Status, Vec<CallError>)) -> Self {
        Self {
            users: status.records,
            records: (dataset.as_str() != Name::USERS).then_some(status.records),
            api_calls: status.api_calls,
            errors: errors.into_iter().map(CallErrorView::from).collect(),
            error_count: status.error_count,
            timestamp: status.timestamp,
            duration: status.duration,
            job_id: status.job,
        }
    }
}

/// A record, exactly as it was taken in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(value_type = Object)]
pub(super) struct RecordView(Box<RawValue>);

impl RecordView {
    pub(super) fn new(text: String) -> Result<Self> {
        RawValue::from_string(text).map(Self).map_err(Error::internal)
    }
}

/// How an import went.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImportReport {
    /// Rows that were read.
    received: u64,
    /// Rows that are durable.
    saved: u64,
    /// Rows that are not records.
    failed: u64,
    /// The first thousand of them.
    errors: Vec<RowError>,
}

/// A row that was not saved.
#[derive(Debug, Serialize, ToSchema)]
struct RowError {
    /// Which one, from 1: the line of NDJSON, the row behind the header of CSV.
    row: u64,
    /// Which field is at fault, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// Why.
    message: String,
}

impl From<Report> for ImportReport {
    fn from(report: Report) -> Self {
        let error = |RowFault { row, why }| RowError { row, field: why.field, message: why.reason };
        Self {
            received: report.received,
            saved: report.saved,
            failed: report.failed,
            errors: report.faults.into_iter().map(error).collect(),
        }
    }
}
