//! `freight jobs`: see and steer work.

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::client::Client;
use super::failure::Failure;
use super::paging::Paging;
use super::screen::{Column, Screen};
use super::watch;

/// Verbs of `freight jobs`.
#[derive(Debug, Subcommand)]
pub(super) enum Jobs {
    /// List jobs, the latest first
    List {
        /// Only this kind, such as ingest.fetch
        #[arg(long)]
        kind: Option<String>,
        /// Only this status
        #[arg(long)]
        status: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a job
    Show { id: String },
    /// Follow a job until it ends; fails if the job fails
    Watch { id: String },
    /// Stop a job for good
    Cancel { id: String },
    /// Stop claiming a job's batches until it is resumed
    Pause { id: String },
    /// Go on with a paused job
    Resume { id: String },
    /// Queue a job's failed batches again
    Retry {
        id: String,
        /// Queue every batch that is not wholly done, not only the failed ones
        #[arg(long)]
        all: bool,
    },
    /// Print a job's log lines
    Logs {
        id: String,
        /// Only this stream
        #[arg(long, value_parser = ["info", "error", "status"])]
        stream: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
}

const COLUMNS: [Column; 7] = [
    ("ID", "id"),
    ("KIND", "kind"),
    ("STATUS", "status"),
    ("DONE", "counts.processed"),
    ("FAILED", "counts.failed"),
    ("TOTAL", "counts.total"),
    ("CREATED", "created_at"),
];

const LOG_COLUMNS: [Column; 4] = [("AT", "at"), ("STREAM", "stream"), ("EVENT", "event"), ("MESSAGE", "message")];

const JOBS: [&str; 3] = ["api", "v1", "jobs"];

/// Runs a verb.
///
/// # Errors
/// Any [`Failure`] of the call.
pub(super) async fn run(verb: Jobs, client: &Client, screen: Screen) -> Result<(), Failure> {
    match verb {
        Jobs::List { kind, status, paging } => {
            let filters = [("kind", kind.as_deref()), ("status", status.as_deref())];
            screen.list(&client.get(&JOBS, &paging.query(&filters)).await?, &COLUMNS)
        }
        Jobs::Show { id } => screen.item(&client.get(&path(&id, &[]), &[]).await?),
        Jobs::Watch { id } => watch::job(&id, client, screen).await,
        Jobs::Cancel { id } => steer(&id, "cancel", client, screen).await,
        Jobs::Pause { id } => steer(&id, "pause", client, screen).await,
        Jobs::Resume { id } => steer(&id, "resume", client, screen).await,
        Jobs::Retry { id, all } => {
            let body = json!({ "retry_failed_only": !all });
            screen.item(&client.call(Method::POST, &path(&id, &["retry"]), Some(&body)).await?)
        }
        Jobs::Logs { id, stream, paging } => {
            let query = paging.query(&[("stream", stream.as_deref())]);
            screen.list(&client.get(&path(&id, &["logs"]), &query).await?, &LOG_COLUMNS)
        }
    }
}

/// Where a job lives.
pub(super) fn path<'a>(id: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    JOBS.iter().copied().chain([id]).chain(rest.iter().copied()).collect()
}

async fn steer(id: &str, verb: &str, client: &Client, screen: Screen) -> Result<(), Failure> {
    screen.item(&client.call(Method::POST, &path(id, &[verb]), None).await?)
}
