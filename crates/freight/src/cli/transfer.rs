//! `freight datasets import` and `export`: files in and out.
//!
//! An import sends a file piece by piece and notes after each acknowledged piece how far it came,
//! in a file beside the one it imports. Started again after an interruption it goes on there: a
//! piece whose answer was lost is sent twice, which changes nothing, since a record is told by its
//! key. The note names the file's size and time, so that a changed file starts from the beginning.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use base::Clock;
use base::clock::SystemClock;
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::chunks::{Chunk, Chunks, Format};
use super::client::{Client, Query};
use super::failure::Failure;
use super::screen::{Screen, parsed};

/// Pieces of this size are sent: large enough that a round trip costs nothing, small enough to be
/// sent again.
pub(super) const PIECE_BYTES: usize = 8 << 20;
/// So often is a piece sent when the server cannot be reached.
const TRIES_MAX: u32 = 6;

/// How a file is cut into pieces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// How its records are told apart.
    pub(super) format: Format,
    /// How large a piece is, about.
    pub(super) piece_bytes: usize,
}

/// What was sent of which file, and what came of it.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    server: String,
    dataset: String,
    size_bytes: u64,
    modified_ms: u128,
    end: u64,
    rows: u64,
    saved: u64,
    failed: u64,
}

/// Imports a file into a dataset.
///
/// # Errors
/// `Failed` when rows were refused, after everything else was imported; any [`Failure`] of the
/// calls, after which the same command goes on.
pub(super) async fn import(
    dataset: &str,
    file: &Path,
    cut: Cut,
    query: Query<'_>,
    client: &Client,
    screen: Screen,
) -> Result<(), Failure> {
    let mut import = Import::open(dataset, file, client)?;
    let mut chunks = Chunks::new(BufReader::with_capacity(1 << 20, File::open(file)?), cut.format, cut.piece_bytes)?;
    if import.note.end > 0 {
        screen.say(&format!("Going on behind byte {} of {}", import.note.end, file.display()));
        chunks.skip_to(import.note.end)?;
    }
    let bar = bar(screen, import.note.size_bytes);
    while let Some(chunk) = chunks.next()? {
        let end = chunk.end;
        import.send(chunk, cut.format, query, client, screen).await?;
        bar.set_position(end);
    }
    bar.finish_and_clear();
    import.finish(screen)
}

struct Import {
    note: Note,
    path: PathBuf,
}

impl Import {
    /// The note of an interrupted import of this very file, or a fresh one.
    fn open(dataset: &str, file: &Path, client: &Client) -> Result<Self, Failure> {
        let about = std::fs::metadata(file).map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
        let modified = about.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let fresh = Note {
            server: client.base().to_string(),
            dataset: dataset.to_owned(),
            size_bytes: about.len(),
            modified_ms: modified.as_millis(),
            ..Note::default()
        };
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(".freight-import");
        let path = file.with_file_name(name);
        let kept = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Note>(&text).ok());
        let note = kept.filter(|kept| kept.is_of(&fresh)).unwrap_or(fresh);
        Ok(Self { note, path })
    }

    /// Sends a piece until it is acknowledged, and notes it.
    async fn send(
        &mut self,
        chunk: Chunk,
        format: Format,
        query: Query<'_>,
        client: &Client,
        screen: Screen,
    ) -> Result<(), Failure> {
        let path = ["api", "v1", "datasets", &self.note.dataset, "import"];
        let first_row = (self.note.rows + 1).to_string();
        let query: Vec<_> = query.iter().copied().chain([("first_row", Some(first_row.as_str()))]).collect();
        let mut tries = 1;
        let answer = loop {
            match client.upload(&path, &query, format.media(), chunk.body.clone()).await {
                Err(Failure::Unreachable(why)) if tries < TRIES_MAX => {
                    screen.say(&format!("{why}; trying again"));
                    SystemClock::new().sleep(Duration::from_secs(1 << tries)).await;
                    tries += 1;
                }
                answer => break answer?,
            }
        };
        let answer = parsed(&answer)?;
        self.note.rows += match format {
            // The server numbers lines; those that are empty are in no other count.
            Format::Ndjson => chunk.records,
            Format::Csv => answer["received"].as_u64().unwrap_or(0),
        };
        self.note.saved += answer["saved"].as_u64().unwrap_or(0);
        self.note.failed += answer["failed"].as_u64().unwrap_or(0);
        self.note.end = chunk.end;
        for row in answer["errors"].as_array().into_iter().flatten().take(10) {
            screen.say(&format!("refused: {row}"));
        }
        // Without the note the import is right all the same; it only cannot go on halfway.
        if let Err(error) = std::fs::write(&self.path, serde_json::to_vec(&self.note).map_err(Failure::failed)?) {
            screen.say(&format!("cannot note how far the import came: {error}"));
        }
        Ok(())
    }

    fn finish(self, screen: Screen) -> Result<(), Failure> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let Note { dataset, saved, failed, .. } = self.note;
        screen.item(&json!({ "dataset": dataset, "saved": saved, "failed": failed }).to_string())?;
        if failed == 0 { Ok(()) } else { Err(Failure::Failed(format!("{failed} rows were refused"))) }
    }
}

impl Note {
    fn is_of(&self, fresh: &Self) -> bool {
        let about = |note: &Self| (note.server.clone(), note.dataset.clone(), note.size_bytes, note.modified_ms);
        about(self) == about(fresh)
    }
}

/// Exports a dataset to a file, or to standard output.
///
/// # Errors
/// Any [`Failure`] of the call; a file appears only when it is whole.
pub(super) async fn export(
    dataset: &str,
    output: Option<&Path>,
    query: Query<'_>,
    client: &Client,
) -> Result<(), Failure> {
    let path = ["api", "v1", "datasets", dataset, "export"];
    save(&path, query, Method::GET, output, client).await
}

/// Writes an answer as it arrives to a file, or to standard output. The file gets its name when
/// it is whole and synced.
///
/// # Errors
/// Any [`Failure`] of the call, or of writing.
pub(super) async fn save(
    path: &[&str],
    query: Query<'_>,
    method: Method,
    output: Option<&Path>,
    client: &Client,
) -> Result<(), Failure> {
    let mut bytes = client.stream(method, path, query, &[]).await?;
    let Some(output) = output else {
        let mut out = std::io::stdout().lock();
        while let Some(chunk) = bytes.next().await {
            out.write_all(chunk?.as_ref())?;
        }
        return Ok(out.flush()?);
    };
    let mut part = output.as_os_str().to_owned();
    part.push(".part");
    let mut file = File::create(&part)?;
    while let Some(chunk) = bytes.next().await {
        file.write_all(chunk?.as_ref())?;
    }
    file.sync_all()?;
    Ok(std::fs::rename(&part, output)?)
}

fn bar(screen: Screen, bytes: u64) -> ProgressBar {
    if !screen.is_watched() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
