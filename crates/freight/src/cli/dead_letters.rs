//! `freight dead-letters`: work that failed for good.

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::client::Client;
use super::failure::Failure;
use super::paging::Paging;
use super::screen::{Column, Screen};

/// Verbs of `freight dead-letters`.
#[derive(Debug, Subcommand)]
pub(super) enum DeadLetters {
    /// List dead letters, the latest first
    List {
        /// Only this kind, such as ingest.call
        #[arg(long)]
        kind: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a dead letter with its request, response and reason
    Show { id: String },
    /// Queue a dead letter again, or all of them
    Redrive {
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<String>,
        /// Every dead letter
        #[arg(long)]
        all: bool,
        /// With --all: only this kind
        #[arg(long, requires = "all")]
        kind: Option<String>,
    },
    /// Forget a dead letter
    Drop { id: String },
}

const COLUMNS: [Column; 6] = [
    ("ID", "id"),
    ("KIND", "kind"),
    ("JOB", "job_id"),
    ("ATTEMPTS", "attempts"),
    ("REASON", "reason"),
    ("FAILED AT", "failed_at"),
];

/// Runs a verb.
///
/// # Errors
/// Any [`Failure`] of the call.
pub(super) async fn run(verb: DeadLetters, client: &Client, screen: Screen) -> Result<(), Failure> {
    match verb {
        DeadLetters::List { kind, paging } => {
            screen.list(&client.get(&path(&[]), &paging.query(&[("kind", kind.as_deref())])).await?, &COLUMNS)
        }
        DeadLetters::Show { id } => screen.item(&client.get(&path(&[&id]), &[]).await?),
        DeadLetters::Redrive { id: Some(id), .. } => {
            screen.item(&client.call(Method::POST, &path(&[&id, "redrive"]), None).await?)
        }
        DeadLetters::Redrive { kind, .. } => {
            let body = kind.map(|kind| json!({ "kind": kind }));
            screen.item(&client.call(Method::POST, &path(&["redrive"]), body.as_ref()).await?)
        }
        DeadLetters::Drop { id } => {
            client.call(Method::DELETE, &path(&[&id]), None).await?;
            screen.say(&format!("Dropped {id}"));
            Ok(())
        }
    }
}

fn path<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    ["api", "v1", "dead-letters"].iter().chain(rest).copied().collect()
}
