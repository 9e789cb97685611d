//! `freight carts query` and `combine`: jobs, followed until they end.

use std::time::Duration;

use base::Clock;
use base::clock::SystemClock;
use clap::Args;
use indicatif::ProgressBar;
use reqwest::Method;
use serde_json::{Value, json};

use super::path;
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::screen::{Screen, parsed};
use crate::cli::watch;

/// Between two looks at a job.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Which records to put in which cart.
#[derive(Debug, Args)]
pub(in crate::cli) struct Query {
    /// The cart's id, or default
    cart: String,
    /// Records of which dataset
    #[arg(value_name = "DATASET")]
    entity_type: String,
    /// What they must be like, such as '{"distance": {"within": [[1000, 2500]]}}'; all if not said
    #[arg(value_parser = super::object, default_value = "{}")]
    filters: Value,
    /// At most so many, the first ones of the dataset's order
    #[arg(long)]
    limit: Option<u64>,
    /// Only count what there is
    #[arg(long)]
    dry_run: bool,
    /// Do not wait for the end of the job
    #[arg(long, conflicts_with = "dry_run")]
    no_wait: bool,
}

/// Which cart to combine with which.
#[derive(Debug, Args)]
pub(in crate::cli) struct Combine {
    /// The cart whose items are replaced: its id, or default
    cart: String,
    /// How: the items of either, those of both, those that are not of the other
    #[arg(value_parser = ["union", "intersect", "subtract"])]
    op: String,
    /// The other cart's id, or default
    with: String,
    /// Do not wait for the end of the job
    #[arg(long)]
    no_wait: bool,
}

impl Query {
    pub(super) async fn run(&self, client: &Client, screen: Screen) -> Result<(), Failure> {
        let mut body = json!({ "entity_type": self.entity_type, "filters": self.filters, "dry_run": self.dry_run });
        if let Some(limit) = self.limit {
            body["limit"] = limit.into();
        }
        let answer = client.call(Method::POST, &path(&[&self.cart, "items", "query"]), Some(&body)).await?;
        if self.dry_run || self.no_wait { screen.item(&answer) } else { follow(&answer, client, screen).await }
    }
}

impl Combine {
    pub(super) async fn run(&self, client: &Client, screen: Screen) -> Result<(), Failure> {
        let body = json!({ "with": self.with, "op": self.op });
        let answer = client.call(Method::POST, &path(&[&self.cart, "combine"]), Some(&body)).await?;
        if self.no_wait { screen.item(&answer) } else { follow(&answer, client, screen).await }
    }
}

/// Follows a job until it ends and prints it as it is then.
async fn follow(accepted: &str, client: &Client, screen: Screen) -> Result<(), Failure> {
    let id = parsed(accepted)?["id"].as_str().unwrap_or_default().to_owned();
    let path = ["resources", "cart-item-batch-jobs", &id];
    let bar = watch::bar(screen);
    loop {
        let answer = client.get(&path, &[]).await?;
        let job = parsed(&answer)?;
        show(&bar, &job);
        let status = job["status"].as_str().unwrap_or_default();
        if matches!(status, "completed" | "completed_with_errors" | "failed" | "cancelled") {
            bar.finish_and_clear();
            screen.item(&answer)?;
            let ended_well = status.starts_with("completed");
            return if ended_well { Ok(()) } else { Err(Failure::Failed(format!("the job is {status}"))) };
        }
        SystemClock::new().sleep(LOOK_EVERY).await;
    }
}

fn show(bar: &ProgressBar, job: &Value) {
    let count = |name: &str| job[name].as_u64();
    let put = count("items_added").unwrap_or(0) + count("items_present").unwrap_or(0);
    bar.set_length(count("items_found").unwrap_or(put));
    bar.set_position(put);
    bar.set_message(match count("remaining_parts") {
        Some(parts) => format!("{parts} parts to go"),
        None => "looking".to_owned(),
    });
}
