//! `freight source import`: a file of measurements, in batches.
//!
//! A measurement has no key of its own, so each batch is sent under an `Idempotency-Key` made of the
//! file and the place where it begins: a batch that is sent twice is written once, and importing the
//! same file again within a day changes nothing.

use std::collections::hash_map::DefaultHasher;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::BufReader;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use base::Clock;
use base::clock::SystemClock;
use clap::Args;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::json;

use super::super::chunks::{Chunk, Chunks, Format};
use super::super::client::Client;
use super::super::failure::Failure;
use super::super::screen::{Screen, parsed};
use super::members::{Members, Text, number_or_text, quoted};

/// A piece of a file; its batch may be a few times as long.
const PIECE_BYTES: usize = 256 << 10;
/// A batch has at most so many records.
const BATCH_MAX: usize = 10_000;
/// So often is a batch sent when the server cannot be reached.
const TRIES_MAX: u32 = 6;

/// What to import, and how to read it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    /// The series
    name: String,
    /// The file: .csv, .ndjson or .jsonl, or say --format
    file: PathBuf,
    /// How the file is written
    #[arg(long, value_parser = ["csv", "ndjson"])]
    format: Option<String>,
    /// The column that says when; the time of the import if not said
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// How the time is written, such as '%Y/%m/%d %H:%M'; RFC 3339 or a number since 1970 if not said
    #[arg(long, requires = "time")]
    time_format: Option<String>,
    /// With --time-format: where it is that time; UTC if not said
    #[arg(long, requires = "time_format")]
    tz: Option<String>,
    /// The column whose text is added to the series' name, so that each of its values has a series
    #[arg(long, value_name = "COLUMN")]
    series: Option<String>,
}

/// A record, as the server takes it.
#[derive(Debug, Serialize)]
struct Record {
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<Text>,
    name: String,
    data: Members,
}

/// What came of it.
#[derive(Debug, Default)]
struct Report {
    saved: u64,
    failed: u64,
}

impl Import {
    pub(super) async fn run(&self, client: &Client, screen: Screen) -> Result<(), Failure> {
        let format = match self.format.as_deref() {
            Some("csv") => Some(Format::Csv),
            Some(_) => Some(Format::Ndjson),
            None => Format::of_name(&self.file.to_string_lossy()),
        };
        let format = format.ok_or_else(|| Failure::Usage("say --format csv or --format ndjson".to_owned()))?;
        let zone = TimeZone::get(self.tz.as_deref().unwrap_or("UTC"));
        let zone = zone.map_err(|_| Failure::Usage("--tz is the name of an IANA time zone".to_owned()))?;
        let mut chunks = Chunks::new(BufReader::new(File::open(&self.file)?), format, PIECE_BYTES)?;
        let (file, mut report) = (self.fingerprint()?, Report::default());
        while let Some(chunk) = chunks.next()? {
            let records = self.records(&chunk, format, &zone)?;
            for (n, batch) in records.chunks(BATCH_MAX).enumerate() {
                let key = format!("import {file:016x} {} {n}", chunk.end);
                send(batch, &key, &mut report, client, screen).await?;
            }
        }
        screen.item(&json!({ "name": self.name, "saved": report.saved, "failed": report.failed }).to_string())?;
        if report.failed == 0 { Ok(()) } else { Err(Failure::Failed(format!("{} rows were refused", report.failed))) }
    }

    /// Tells one import from another: what is sent, of which file, as it is now.
    fn fingerprint(&self) -> Result<u64, Failure> {
        let about = std::fs::metadata(&self.file)?;
        let modified = about.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut hasher = DefaultHasher::new();
        (&self.name, self.file.file_name(), about.len(), modified).hash(&mut hasher);
        (&self.time, &self.time_format, &self.tz, &self.series).hash(&mut hasher);
        Ok(hasher.finish())
    }

    /// The records of a piece.
    fn records(&self, chunk: &Chunk, format: Format, zone: &TimeZone) -> Result<Vec<Record>, Failure> {
        match format {
            Format::Csv => {
                let mut table = csv::Reader::from_reader(chunk.body.as_slice());
                let header = table.headers().map_err(Failure::failed)?.clone();
                let row = |row: Result<csv::StringRecord, csv::Error>| {
                    let row = row.map_err(Failure::failed)?;
                    let cells = header.iter().zip(&row).filter_map(|(name, text)| Some((name.to_owned(), cell(text)?)));
                    self.record(Members(cells.collect()), zone)
                };
                table.records().map(row).collect()
            }
            Format::Ndjson => {
                let lines = chunk.body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
                let record = |line| self.record(serde_json::from_slice(line).map_err(Failure::failed)?, zone);
                lines.map(record).collect()
            }
        }
    }

    fn record(&self, mut data: Members, zone: &TimeZone) -> Result<Record, Failure> {
        let ts = self.time.as_ref().map(|column| {
            let at = data.remove(column);
            self.instant(at.ok_or_else(|| Failure::Failed(format!("a row has no {column}")))?, zone)
        });
        let part = self.series.as_ref().map(|column| {
            let part = data.remove(column);
            part.map(|part| text_of(&part).unwrap_or_else(|| part.get().to_owned())).unwrap_or_default()
        });
        let name = part.map_or_else(|| self.name.clone(), |part| format!("{} {part}", self.name));
        Ok(Record { ts: ts.transpose()?, name, data })
    }

    fn instant(&self, at: Text, zone: &TimeZone) -> Result<Text, Failure> {
        let (Some(format), Some(text)) = (&self.time_format, text_of(&at)) else { return Ok(at) };
        let civil = DateTime::strptime(format, text).and_then(|civil| civil.to_zoned(zone.clone()));
        Ok(quoted(&civil.map_err(Failure::failed)?.timestamp().to_string()))
    }
}

/// What a JSON string says; `None` for anything else.
fn text_of(text: &Text) -> Option<String> {
    serde_json::from_str(text.get()).ok()
}

/// Nothing where the text says that there is none.
fn cell(text: &str) -> Option<Text> {
    (!matches!(text, "" | "NA")).then(|| number_or_text(text))
}

/// Sends a batch until it is acknowledged.
async fn send(
    batch: &[Record],
    key: &str,
    report: &mut Report,
    client: &Client,
    screen: Screen,
) -> Result<(), Failure> {
    let mut lines = Vec::new();
    for record in batch {
        serde_json::to_writer(&mut lines, record).map_err(Failure::failed)?;
        lines.push(b'\n');
    }
    let mut tries = 1;
    let answer = loop {
        let media = Format::Ndjson.media();
        match client.upload_once(&["source", "write_batch"], media, lines.clone(), key).await {
            Err(Failure::Unreachable(why)) if tries < TRIES_MAX => {
                screen.say(&format!("{why}; trying again"));
                SystemClock::new().sleep(Duration::from_secs(1 << tries)).await;
                tries += 1;
            }
            answer => break answer?,
        }
    };
    let answer = parsed(&answer)?;
    report.saved += answer["saved"].as_u64().unwrap_or(0);
    report.failed += answer["failed"].as_u64().unwrap_or(0);
    let refused = answer["results"].as_array().into_iter().flatten().filter(|row| row["status"] != 200);
    refused.take(10).for_each(|row| screen.say(&format!("refused: {row}")));
    Ok(())
}
