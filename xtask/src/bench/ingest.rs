//! The numbers of ingest: what it costs to keep records well, next to not doing so.
//!
//! The actors are the release build as a stranger starts it, the stand-in of an API as a process
//! of its own, and [`bare`]: the loop over rusqlite that somebody writes who needs one table and
//! nothing else. This process only sends, receives and reads the clock. Each part is a module:
//!
//! - [`start`]: how soon it is ready, and what it takes when nobody calls.
//! - [`fetch`]: a run next to the API it calls.
//! - [`files`]: import and export next to the bare loop. [`rows`]: what is in the files.
//! - [`view`]: how much memory a list of all takes.

pub(super) mod bare;
mod fetch;
mod files;
mod rows;
mod start;
mod view;

use anyhow::Result;
use serde_json::json;

use super::Options;
use super::report::Report;
use crate::http::Client;
use crate::server::Server;
use crate::stand_in::StandIn;

/// Makes the measurement.
///
/// # Errors
/// When a program cannot be built or does not do what is measured.
pub(super) fn run(options: &Options) -> Result<Report> {
    let (program, bare) = (options.program()?, options.example("embedded", "bare")?);
    let stand_in = StandIn::start(&program)?;
    let mut report = Report { method: include_str!("ingest/method.md"), ..Report::default() };
    eprintln!("start, idle memory");
    report.add(start::measure(&program, options)?);
    eprintln!("fetch");
    report.add(fetch::measure(&program, &stand_in, options)?);
    let users = rows::Users::from(&stand_in)?;
    eprintln!("import, export");
    report.add(files::measure(&program, &bare, &users, options)?);
    eprintln!("memory of a list");
    report.add(view::measure(&program, &users, options)?);
    Ok(report)
}

/// A caller of the server who may call as often as it likes.
fn unlimited(server: &Server) -> Result<Client> {
    let mut client = Client::new(&server.url, Some(&server.api_key));
    let rates = json!({ "settings": { "rate_limits": { "control": ["1000000/minute"] } } });
    client.json("PATCH", "/api/v1/tenants/default", &rates)?.expect(200)?;
    Ok(client)
}

/// Imports a file, all rows of which are good.
fn import(client: &mut Client, dataset: &str, media: &str, body: &[u8], rows: u64) -> Result<()> {
    client.send("POST", &format!("/api/v1/datasets/{dataset}/import"), media, body)?;
    let report: serde_json::Value = client.receive()?.json(207)?;
    anyhow::ensure!(report["saved"] == rows, "not all {rows} rows were saved: {report}");
    Ok(())
}
