//! `freight doctor`: what works, what does not, and what to do about it.
//!
//! It changes nothing. Each finding is one line; a failed one makes the exit code 1, a doubtful
//! one does not.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use base::{Clock, clock::SystemClock};
use embedded::{FileError, Offline};
use jiff::SignedDuration;
use jiff::fmt::rfc2822;
use serde_json::{Value, json};

use super::client::Client;
use super::failure::Failure;
use super::screen::{Screen, parsed};
use super::tables;
use crate::config::Config;

/// More than this far apart, leases and expiries of two machines would disagree noticeably.
const CLOCKS_APART_MAX: SignedDuration = SignedDuration::from_secs(2);

/// What was looked at, and how it is.
struct Finding {
    what: &'static str,
    state: &'static str,
    words: String,
}

fn good(what: &'static str, words: impl ToString) -> Finding {
    Finding { what, state: "ok", words: words.to_string() }
}

fn doubtful(what: &'static str, words: impl ToString) -> Finding {
    Finding { what, state: "doubtful", words: words.to_string() }
}

fn bad(what: &'static str, words: impl ToString) -> Finding {
    Finding { what, state: "failed", words: words.to_string() }
}

/// Looks at everything and prints what was found.
///
/// # Errors
/// `Failed` when something does not work.
pub(super) async fn run(config: Result<Config, Failure>, client: &Client, screen: Screen) -> Result<(), Failure> {
    let mut findings = Vec::new();
    match config {
        Ok(config) => {
            findings.push(good("configuration", "every setting is allowed"));
            match config.store.file() {
                Some(path) => findings.extend(store(path)),
                None => findings.extend(shared(&config).await),
            }
        }
        Err(failure) => findings.push(bad("configuration", failure)),
    }
    findings.extend(server(client).await);
    print(&findings, screen)?;
    match findings.iter().filter(|finding| finding.state == "failed").count() {
        0 => Ok(()),
        failed => Err(Failure::Failed(format!("{failed} of {} findings are failures", findings.len()))),
    }
}

fn print(findings: &[Finding], screen: Screen) -> Result<(), Failure> {
    let items: Vec<_> = findings
        .iter()
        .map(|finding| json!({ "what": finding.what, "state": finding.state, "words": finding.words }))
        .collect();
    let columns = [("WHAT", "what"), ("STATE", "state"), ("", "words")];
    screen.list(&json!({ "items": items }).to_string(), &columns)
}

/// The store's file, who may read it, and who has it.
fn store(path: &Path) -> Vec<Finding> {
    let Ok(about) = std::fs::metadata(path) else {
        return vec![doubtful("store", format!("{} is not there yet; `freight serve` makes it", path.display()))];
    };
    let private = if about.mode() & 0o077 == 0 {
        good("permissions", "only its owner can read the store")
    } else {
        doubtful("permissions", format!("others can read {}: chmod 600 it", path.display()))
    };
    let state = match Offline::lock(path) {
        Ok(_) => good("store", format!("{}, {} bytes, in use by nobody", path.display(), about.len())),
        Err(FileError::InUse { pid, .. }) => {
            let holder = pid.map_or("another process".to_owned(), |pid| format!("process {pid}"));
            good("store", format!("{}, {} bytes, in use by {holder}", path.display(), about.len()))
        }
        Err(error) => bad("store", error),
    };
    vec![state, private]
}

/// The tables and queues of shared backends.
async fn shared(config: &Config) -> Vec<Finding> {
    match tables::missing(config).await {
        Err(failure) => vec![bad("store", failure)],
        Ok(faults) if faults.is_empty() => vec![good("store", "every table and queue is there")],
        Ok(faults) => faults.into_iter().map(|fault| bad("store", fault)).collect(),
    }
}

/// The server, its parts, the clocks, and the key.
async fn server(client: &Client) -> Vec<Finding> {
    let there = match client.date().await {
        Err(failure) => return vec![doubtful("server", format!("none at {}: {failure}", client.base()))],
        Ok(date) => date,
    };
    let mut findings = vec![good("server", format!("answers at {}", client.base()))];
    findings.extend(there.map(|date| clocks(&date)));
    findings.push(match client.get(&["health"], &[]).await {
        Ok(answer) => health(&parsed(&answer).unwrap_or_default()),
        Err(failure) => bad("health", failure),
    });
    findings.push(match (client.has_key(), client.get(&["api", "v1", "me"], &[]).await) {
        (false, _) => doubtful("key", "there is none: set FREIGHT_API_KEY"),
        (true, Ok(answer)) => me(&parsed(&answer).unwrap_or_default()),
        (true, Err(failure)) => bad("key", failure),
    });
    findings
}

fn clocks(date: &str) -> Finding {
    let Ok(there) = rfc2822::parse(date) else { return doubtful("clock", "the server sends no readable date") };
    let apart = SystemClock::new().now().duration_since(there.timestamp()).abs();
    match apart <= CLOCKS_APART_MAX {
        true => good("clock", "the same as the server's"),
        false => doubtful("clock", format!("{} s apart from the server's", apart.as_secs())),
    }
}

fn health(answer: &Value) -> Finding {
    let status = answer["status"].as_str().unwrap_or("unknown");
    let version = answer["version"].as_str().unwrap_or("unknown");
    match (status, version == env!("CARGO_PKG_VERSION")) {
        ("healthy", true) => good("health", format!("healthy, version {version}")),
        ("healthy", false) => doubtful("health", format!("healthy, but of version {version}, not ours")),
        _ => bad("health", status),
    }
}

fn me(answer: &Value) -> Finding {
    let principal = answer["principal"].as_str().unwrap_or("?");
    let tenant = answer["tenant"]["slug"].as_str().unwrap_or("?");
    good("key", format!("{principal}, acting for the tenant {tenant}"))
}
