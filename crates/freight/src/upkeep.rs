//! Tending the store while it is in use: `POST /api/v1/backup` and `POST /api/v1/check`.
//!
//! Only the process that holds the lock may touch the store's file, so when a server runs, the
//! command line asks it. A backup is made beside the store, verified, opened, unlinked and then
//! sent: whatever happens to the connection, no copy is left behind. Both need `ops:read`, which
//! only a key of the tenant `system` can hold; a backup holds every tenant's data.

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::{Error, ErrorKind};
use embedded::{FileError, Report, SqliteStore};
use serde_json::{Value, json};
use tokio::fs::File;
use tokio_util::io::ReaderStream;
use web::scope::OpsRead;
use web::{Answer, Caller, Json, Replay, Routes, route};

/// The routes; where the store is no file, both say so.
pub fn routes(file: Option<Arc<SqliteStore>>) -> Routes {
    Routes::new("operations")
        .add(route!(backup_make).streaming().replay(Replay::Recomputed))
        .add(route!(check_run).streaming().replay(Replay::Recomputed))
        .with_state(file)
}

/// A copy of the store: a SQLite file.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only its schema is used; the answer is the file's bytes")]
struct BackupFile(Vec<u8>);

/// What a check of every row found.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only its schema is used; the answer is made by `report_json`")]
struct CheckReport {
    /// Whether nothing was found.
    sound: bool,
    /// How many rows were verified.
    rows: u64,
    /// How many of them are not what was written.
    damaged: u64,
    /// The first of those, by table and keys.
    names: Vec<String>,
    /// What is wrong with the file's own structure.
    structure: Vec<String>,
}

/// Copy the store
///
/// Answers with a verified SQLite file that holds every write acknowledged before the request.
#[utoipa::path(post, path = "/api/v1/backup", responses(
    (status = 200, description = "The copy", body = BackupFile, content_type = "application/vnd.sqlite3"),
))]
async fn backup_make(caller: Caller<OpsRead>, State(file): State<Option<Arc<SqliteStore>>>) -> Answer<Response> {
    let store = file.ok_or_else(no_file)?;
    let mut name = store.path().as_os_str().to_owned();
    name.push(format!("-backup-{}", caller.uuid("backup")));
    // A task of its own: a caller who goes away must not stop it between the copy and its removal.
    let copying = tokio::spawn(copied(store, PathBuf::from(name)));
    let copy = copying.await.map_err(Error::internal)??;
    let media = [("content-type", "application/vnd.sqlite3")];
    Ok((media, Body::from_stream(ReaderStream::with_capacity(copy, 1 << 18))).into_response())
}

/// A verified copy that has no name any more: it is gone when it is closed.
async fn copied(store: Arc<SqliteStore>, path: PathBuf) -> base::Result<File> {
    store.backup(&path).await.map_err(refused)?;
    let opened = File::open(&path).await;
    tokio::fs::remove_file(&path).await.map_err(Error::internal)?;
    opened.map_err(Error::internal)
}

/// Verify the store
///
/// Reads every row and compares it with its checksum, while the store is in use.
#[utoipa::path(post, path = "/api/v1/check", responses((status = 200, description = "What was found", body = CheckReport)))]
async fn check_run(_caller: Caller<OpsRead>, State(file): State<Option<Arc<SqliteStore>>>) -> Answer<Json<Value>> {
    let store = file.ok_or_else(no_file)?;
    Ok(Json(report_json(&store.check().await.map_err(refused)?)))
}

/// A report as it is answered and printed.
pub fn report_json(report: &Report) -> Value {
    json!({
        "sound": report.is_sound(),
        "rows": report.rows,
        "damaged": report.damaged,
        "names": report.names,
        "structure": report.structure,
    })
}

fn no_file() -> Error {
    Error::new(ErrorKind::NotImplemented, "This server's store is not a file that it could copy or verify")
}

fn refused(error: FileError) -> Error {
    match &error {
        FileError::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
            Error::new(ErrorKind::Full, "There is no room left for the copy").with_internal(error)
        }
        _ => Error::internal(error),
    }
}
