//! `freight tables`: what there has to be in AWS before a server starts there.
//!
//! Each crate declares its tables and topics; nothing here changes or removes what exists.

use std::sync::Arc;

use base::Clock;
use base::clock::SystemClock;
use clap::{Args, Subcommand, ValueEnum};
use cloud::{DynamoStore, Outlet, SqsQueue};
use serde_json::{Value, json};

use super::failure::Failure;
use super::screen::Screen;
use crate::cloudformation::{self, Billing};
use crate::config::{Config, QueueUri, StoreUri};
use crate::{abroad, ground};

/// Verbs of `freight tables`.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum Tables {
    /// List what there has to be, and ask nobody
    Plan(Plan),
    /// Make what is missing
    Create,
    /// Look whether all is there, and as it should be
    Check,
}

/// How to say what there has to be.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Plan {
    /// In which form
    #[arg(long, value_enum, default_value_t = Format::List)]
    format: Format,
    /// Pay for reads and writes a second of each table, instead of for each request
    #[arg(long, value_name = "READS,WRITES", value_parser = capacity, requires = "format", conflicts_with = "parameters")]
    provisioned: Option<(u32, u32)>,
    /// Write resources for a template with the parameters Environment, ReadCapacity and WriteCapacity
    #[arg(long)]
    parameters: bool,
}

/// A form of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A list of names
    List,
    /// A template of CloudFormation
    Cloudformation,
}

/// Runs a verb.
///
/// # Errors
/// `Usage` where nothing is shared; `Failed` when something is missing, wrong, or cannot be made.
pub(super) async fn run(verb: Tables, config: &Config, screen: Screen) -> Result<(), Failure> {
    if let Tables::Plan(Plan { parameters: true, .. }) = verb {
        return screen.line(&cloudformation::parameterized());
    }
    let wanted = wanted(config)?;
    match verb {
        Tables::Plan(plan) if plan.format == Format::Cloudformation => screen.line(&template(plan, config)?),
        Tables::Plan(_) => print(wanted.into_iter().map(|(kind, name)| row(kind, &name, "wanted")).collect(), screen),
        Tables::Create => print(create(config).await?, screen),
        Tables::Check => {
            let faults = missing(config).await?;
            let state = |name: &str| {
                let own = faults.iter().filter_map(|fault| fault.strip_prefix(name)?.strip_prefix(": "));
                Some(own.collect::<Vec<_>>().join(", ")).filter(|faults| !faults.is_empty())
            };
            let rows = wanted.iter().map(|(kind, name)| row(kind, name, &state(name).unwrap_or("ok".to_owned())));
            print(rows.collect(), screen)?;
            match faults.len() {
                0 => Ok(()),
                _ => Err(Failure::Failed("`freight tables create` makes what is missing".to_owned())),
            }
        }
    }
}

fn template(plan: Plan, config: &Config) -> Result<String, Failure> {
    let (StoreUri::Dynamo(tables), QueueUri::Sqs(queues)) = (&config.store, &config.queue) else {
        return Err(Failure::Usage("a template is of tables and queues: store.uri and queue.uri name AWS".to_owned()));
    };
    let billing = plan.provisioned.map_or(Billing::OnDemand, |(reads, writes)| Billing::Provisioned(reads, writes));
    Ok(cloudformation::template(&tables.prefix, &queues.prefix, billing))
}

fn capacity(text: &str) -> Result<(u32, u32), String> {
    let (reads, writes) = text.split_once(',').ok_or("READS,WRITES, such as 5,5")?;
    let number = |text: &str| text.trim().parse::<u32>().ok().filter(|it| (1..=40_000).contains(it));
    number(reads).zip(number(writes)).ok_or_else(|| "numbers from 1 to 40000, such as 5,5".to_owned())
}

/// What is missing or wrong: each a name, a colon and why.
///
/// # Errors
/// `Failed` when AWS cannot be asked.
pub(super) async fn missing(config: &Config) -> Result<Vec<String>, Failure> {
    let mut faults = Vec::new();
    if let Some(store) = store(config).await {
        for found in store.tables_check().await.map_err(Failure::failed)? {
            faults.extend(found.faults.iter().map(|fault| format!("{}: {fault}", found.name)));
        }
    }
    let mut queues = Vec::new();
    if let Some(queue) = queue(config).await {
        queues.extend(queue.queues_missing().await?);
    }
    if let Some(outlet) = outlet(config).await {
        queues.extend(outlet.missing().await?);
    }
    faults.extend(queues.into_iter().map(|name| format!("{name}: missing")));
    Ok(faults)
}

/// Kind and name of all there has to be.
fn wanted(config: &Config) -> Result<Vec<(&'static str, String)>, Failure> {
    let mut wanted = Vec::new();
    if let StoreUri::Dynamo(place) = &config.store {
        wanted.extend(ground::tables().iter().map(|table| ("table", format!("{}{}", place.prefix, table.0))));
    }
    if let QueueUri::Sqs(place) = &config.queue {
        wanted.extend(ground::topics().iter().map(|topic| ("queue", format!("{}{topic}", place.prefix))));
    }
    if let Some(place) = &config.export.dead_letters {
        wanted.push(("queue", format!("{}{}", place.prefix, abroad::DEAD_LETTERS)));
    }
    match wanted.is_empty() {
        false => Ok(wanted),
        true => Err(Failure::Usage(
            "none of store.uri, queue.uri and export.dead_letters names AWS: there is nothing to make".to_owned(),
        )),
    }
}

async fn create(config: &Config) -> Result<Vec<Value>, Failure> {
    let mut made = Vec::new();
    if let Some(store) = store(config).await {
        let names = store.tables_create().await.map_err(Failure::failed)?;
        made.extend(names.iter().map(|name| row("table", name, "made")));
    }
    if let Some(queue) = queue(config).await {
        made.extend(queue.queues_create().await?.iter().map(|name| row("queue", name, "made")));
    }
    if let Some(outlet) = outlet(config).await {
        made.extend(outlet.create().await?.iter().map(|name| row("queue", name, "made")));
    }
    Ok(made)
}

async fn store(config: &Config) -> Option<DynamoStore> {
    let StoreUri::Dynamo(place) = &config.store else { return None };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    Some(ground::dynamo(config, place, &clock).await)
}

async fn queue(config: &Config) -> Option<SqsQueue> {
    let QueueUri::Sqs(place) = &config.queue else { return None };
    Some(ground::sqs(config, place).await)
}

async fn outlet(config: &Config) -> Option<Outlet> {
    Some(abroad::outlet(&config.aws, config.export.dead_letters.as_ref()?).await)
}

fn row(kind: &str, name: &str, state: &str) -> Value {
    json!({ "kind": kind, "name": name, "state": state })
}

fn print(rows: Vec<Value>, screen: Screen) -> Result<(), Failure> {
    let columns = [("KIND", "kind"), ("NAME", "name"), ("STATE", "state")];
    screen.list(&json!({ "items": rows }).to_string(), &columns)
}
