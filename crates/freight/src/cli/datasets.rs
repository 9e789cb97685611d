//! `freight datasets`: records in and out.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::chunks::Format;
use super::client::Client;
use super::failure::Failure;
use super::paging::Paging;
use super::screen::{Column, Screen, parsed};
use super::{transfer, watch};

/// Verbs of `freight datasets`.
#[derive(Debug, Subcommand)]
pub(super) enum Datasets {
    /// List datasets
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a dataset
    Show { name: String },
    /// Start a run that fetches from the dataset's source
    Fetch {
        name: String,
        /// How many calls to make, where the source has no pages
        #[arg(long)]
        calls: Option<u32>,
        /// How many records each call asks for, such as 100 or 1-100
        #[arg(long, value_name = "N|MIN-MAX", value_parser = size)]
        size: Option<Value>,
        /// Follow the run until it ends
        #[arg(long)]
        watch: bool,
    },
    /// Import a CSV or NDJSON file; started again, it goes on where it was interrupted
    Import(Import),
    /// Export all records to standard output or a file
    Export {
        name: String,
        /// How to write them
        #[arg(long, value_parser = ["ndjson", "csv", "json"], default_value = "ndjson")]
        format: String,
        /// The file to make; it appears when it is whole
        #[arg(long, short)]
        output: Option<PathBuf>,
    },
    /// Delete a dataset and its records, as a job
    Delete { name: String },
}

/// What to import, and how to read it.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The dataset
    name: String,
    /// The file: .csv, .ndjson or .jsonl, or say --format
    file: PathBuf,
    /// How the file is written
    #[arg(long, value_parser = ["csv", "ndjson"])]
    format: Option<String>,
    /// Make the dataset if there is none: what tells its records apart, comma-separated paths
    #[arg(long, value_delimiter = ',')]
    key: Vec<String>,
    /// With --key: what orders its records, comma-separated paths; the key if absent
    #[arg(long, value_delimiter = ',', requires = "key")]
    sort: Vec<String>,
    /// CSV: the type of a column that is not text, such as year:integer; comma-separated
    #[arg(long)]
    types: Option<String>,
    /// How many bytes to send in one request, about
    #[arg(long, default_value_t = transfer::PIECE_BYTES, value_name = "BYTES")]
    piece_bytes: usize,
    /// CSV: which texts mean that a field is absent, comma-separated; `NA` and nothing if not said
    #[arg(long)]
    null: Option<String>,
}

const COLUMNS: [Column; 6] = [
    ("NAME", "name"),
    ("RECORDS", "count"),
    ("KEY", "key"),
    ("SORT", "sort"),
    ("SOURCE", "source.url"),
    ("UPDATED", "updated_at"),
];

/// Runs a verb.
///
/// # Errors
/// Any [`Failure`] of the call.
pub(super) async fn run(verb: Datasets, client: &Client, screen: Screen) -> Result<(), Failure> {
    match verb {
        Datasets::List { paging } => screen.list(&client.get(&path(&[]), &paging.query(&[])).await?, &COLUMNS),
        Datasets::Show { name } => screen.item(&client.get(&path(&[&name]), &[]).await?),
        Datasets::Fetch { name, calls, size, watch } => {
            let body: Map<_, _> = [("calls", calls.map(Value::from)), ("size", size)]
                .into_iter()
                .filter_map(|(field, value)| Some((field.to_owned(), value?)))
                .collect();
            fetch(&name, &body.into(), watch, client, screen).await
        }
        Datasets::Import(import) => import.run(client, screen).await,
        Datasets::Export { name, format, output } => {
            transfer::export(&name, output.as_deref(), &[("format", Some(&format))], client).await
        }
        Datasets::Delete { name } => screen.item(&client.call(Method::DELETE, &path(&[&name]), None).await?),
    }
}

async fn fetch(name: &str, body: &Value, watch: bool, client: &Client, screen: Screen) -> Result<(), Failure> {
    let job = client.call(Method::POST, &path(&[name, "fetch"]), Some(body)).await?;
    let id = parsed(&job)?["id"].as_str().unwrap_or_default().to_owned();
    if watch { watch::job(&id, client, screen).await } else { screen.item(&job) }
}

/// `100`, or `1-100` for a number drawn for each call; the server decides what is allowed.
fn size(text: &str) -> Result<Value, &'static str> {
    let number = |text: &str| text.parse::<u32>().map_err(|_| "a number, or two with a dash between them");
    match text.split_once('-') {
        Some((min, max)) => Ok(json!({ "min": number(min)?, "max": number(max)? })),
        None => Ok(json!(number(text)?)),
    }
}

impl Import {
    async fn run(&self, client: &Client, screen: Screen) -> Result<(), Failure> {
        let format = match self.format.as_deref() {
            Some("csv") => Some(Format::Csv),
            Some(_) => Some(Format::Ndjson),
            None => Format::of_name(&self.file.to_string_lossy()),
        };
        let format = format.ok_or_else(|| Failure::Usage("say --format csv or --format ndjson".to_owned()))?;
        if !self.key.is_empty() {
            self.make(client, screen).await?;
        }
        let query = [("types", self.types.as_deref()), ("null", self.null.as_deref())];
        let cut = transfer::Cut { format, piece_bytes: self.piece_bytes };
        transfer::import(&self.name, &self.file, cut, &query, client, screen).await
    }

    /// Makes the dataset unless there is one.
    async fn make(&self, client: &Client, screen: Screen) -> Result<(), Failure> {
        match client.get(&path(&[&self.name]), &[]).await {
            Err(Failure::Absent(_)) => {}
            there => return there.map(|_| ()),
        }
        let sort = if self.sort.is_empty() { &self.key } else { &self.sort };
        let body: Value = json!({ "name": self.name, "key": self.key, "sort": sort });
        client.call(Method::POST, &path(&[]), Some(&body)).await?;
        screen.say(&format!("Made the dataset {}", self.name));
        Ok(())
    }
}

fn path<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    ["api", "v1", "datasets"].iter().chain(rest).copied().collect()
}
