//! `freight source`: raw records in, windows out.
//!
//! - [`import`]: a file of measurements. [`plot`]: a window drawn in the terminal.
//! - [`members`]: what was measured, as it was written.

mod import;
mod members;
mod plot;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::failure::Failure;
use super::paging::Paging;
use super::screen::{Column, Screen, parsed};
use members::{Members, Text, number_or_text, quoted};

/// Verbs of `freight source`.
#[derive(Debug, Subcommand)]
pub(super) enum Source {
    /// Write a measurement
    Write {
        /// What was measured: a JSON object, such as '{"temp": 21.5}'
        #[arg(value_parser = measured)]
        data: Text,
        /// Which series; `default` if not said
        #[arg(long)]
        name: Option<String>,
        /// When: RFC 3339, or seconds, milliseconds or microseconds since 1970; now if not said
        #[arg(long)]
        ts: Option<String>,
    },
    /// Ask one of the five questions: latest, 24h_devt, 24_average, 7d_devt, 7d_average
    Expose {
        /// Which question
        #[arg(value_name = "TYPE")]
        kind: String,
        /// Which series; `default` if not said
        #[arg(long)]
        name: Option<String>,
        /// Only these numbers, comma-separated paths
        #[arg(long, value_delimiter = ',')]
        readings: Vec<String>,
    },
    /// List series
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Figures of any stretch of time
    Window(Window),
    /// Import a CSV or NDJSON file of measurements; sent again, it changes nothing
    Import(import::Import),
}

/// Which window, and how it is shown.
#[derive(Debug, Args)]
pub(super) struct Window {
    /// The series
    name: String,
    /// Where it begins: RFC 3339, or a number since 1970; a day before its end if not said
    #[arg(long)]
    from: Option<String>,
    /// Where it ends; now if not said
    #[arg(long)]
    to: Option<String>,
    /// How long a bucket is, such as 15m; 1d and 1w are those of the calendar
    #[arg(long)]
    step: Option<String>,
    /// Which figures, comma-separated
    #[arg(long)]
    stats: Option<String>,
    /// Whose calendar, such as Europe/Lisbon
    #[arg(long)]
    tz: Option<String>,
    /// Only these numbers, comma-separated paths
    #[arg(long)]
    readings: Option<String>,
    /// Draw the means instead of a table
    #[arg(long)]
    plot: bool,
}

const COLUMNS: [Column; 5] =
    [("NAME", "name"), ("RECORDS", "records"), ("FIRST", "first"), ("LAST", "last"), ("READINGS", "readings")];

/// Runs a verb.
///
/// # Errors
/// Any [`Failure`] of the call.
pub(super) async fn run(verb: Source, client: &Client, screen: Screen) -> Result<(), Failure> {
    match verb {
        Source::Write { data, name, ts } => {
            let members = [
                ("data", Some(data)),
                ("name", name.map(|name| quoted(&name))),
                ("ts", ts.map(|ts| number_or_text(&ts))),
            ];
            let present = members.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?)));
            let body = serde_json::to_string(&Members(present.collect())).map_err(Failure::failed)?;
            let answer = client.call_text(Method::POST, &["source", "write_raw"], Some(body)).await?;
            screen.part(&answer, "data")
        }
        Source::Expose { kind, name, readings } => {
            let readings = (!readings.is_empty()).then(|| json!(readings));
            let body = [("type", Some(json!(kind))), ("name", name.map(Value::from)), ("readings", readings)];
            let answer = client.call(Method::POST, &["source", "expose"], Some(&object_of(body))).await?;
            exposed(&answer, screen)
        }
        Source::List { paging } => screen.list(&client.get(&["source", "series"], &paging.query(&[])).await?, &COLUMNS),
        Source::Window(window) => window.run(client, screen).await,
        Source::Import(import) => import.run(client, screen).await,
    }
}

/// The answers by their names, one a row.
fn exposed(answer: &str, screen: Screen) -> Result<(), Failure> {
    let named = &parsed(answer)?["data"];
    let row = |(label, entry): (&String, &Value)| json!({ "answer": label, "timestamp": entry["timestamp"], "data": entry["data"] });
    let rows: Vec<Value> = named.as_object().into_iter().flatten().map(row).collect();
    screen.rows(answer, &rows, &[("ANSWER", "answer"), ("TIMESTAMP", "timestamp"), ("DATA", "data")])
}

impl Window {
    async fn run(&self, client: &Client, screen: Screen) -> Result<(), Failure> {
        let query = [
            ("from", self.from.as_deref()),
            ("to", self.to.as_deref()),
            ("step", self.step.as_deref()),
            ("stats", if self.plot { Some("mean") } else { self.stats.as_deref() }),
            ("tz", self.tz.as_deref()),
            ("readings", self.readings.as_deref()),
        ];
        let answer = client.get(&["source", "series", &self.name, "window"], &query).await?;
        let window = parsed(&answer)?;
        let buckets = window["buckets"].as_array().cloned().unwrap_or_default();
        if self.plot {
            return plot::readings(&buckets).into_iter().try_for_each(|chart| screen.line(&chart));
        }
        let rows: Vec<Value> = buckets.iter().flat_map(rows).collect();
        let stats = rows.iter().find_map(|row| row["figures"].as_object()).cloned().unwrap_or_default();
        let paths: Vec<(String, String)> =
            stats.keys().map(|stat| (stat.to_uppercase(), format!("figures.{stat}"))).collect();
        let mut columns: Vec<(&str, &str)> = vec![("FROM", "from"), ("RECORDS", "records"), ("READING", "reading")];
        columns.extend(paths.iter().map(|(heading, path)| (heading.as_str(), path.as_str())));
        screen.rows(&answer, &rows, &columns)
    }
}

/// A row for each number of a bucket; one without any for a gap.
fn rows(bucket: &Value) -> Vec<Value> {
    let row = |reading: Option<&String>, figures: Option<&Value>| json!({ "from": bucket["from"], "records": bucket["records"], "reading": reading, "figures": figures });
    let readings = bucket["readings"].as_object().filter(|readings| !readings.is_empty());
    match readings {
        Some(readings) => readings.iter().map(|(path, figures)| row(Some(path), Some(figures))).collect(),
        None => vec![row(None, None)],
    }
}

fn object_of<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let present = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(present.collect::<Map<_, _>>())
}

/// A JSON object that an argument is, as it was written.
fn measured(text: &str) -> Result<Text, &'static str> {
    let object = serde_json::from_str::<Members>(text).and_then(|_| RawValue::from_string(text.to_owned()));
    object.map_err(|_| "a JSON object, such as {\"temp\": 21.5}")
}
