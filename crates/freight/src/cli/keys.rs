//! `freight keys`: who may call.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::failure::Failure;
use super::paging::Paging;
use super::screen::{Column, Screen};

/// Verbs of `freight keys`.
#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// List keys, without their secrets
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Make a key and print it, once
    Create(NewKey),
    /// Refuse a key from now on
    Revoke { id: String },
    /// Make a successor of a key for the same principal, and print it, once
    Rotate {
        id: String,
        /// For how many seconds the old key goes on; a day if not said
        #[arg(long, value_name = "SECONDS")]
        overlap_s: Option<u32>,
    },
}

/// What key to make.
#[derive(Debug, Args)]
pub(super) struct NewKey {
    /// What people call it
    #[arg(long, default_value = "freight keys create")]
    pub(super) name: String,
    /// A named set of scopes; reader if neither a role nor a scope is said
    #[arg(long, value_parser = ["reader", "writer", "admin", "platform"], conflicts_with = "scopes")]
    pub(super) role: Option<String>,
    /// A scope, such as ingest:read; may be repeated
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(super) scopes: Vec<String>,
    /// What it is for: `live` calls, `test` against the sandbox, `dev` from this machine only
    #[arg(long, value_parser = ["live", "test", "dev"])]
    pub(super) environment: Option<String>,
    /// From when on it is refused, such as 2027-01-31T00:00:00Z
    #[arg(long, value_name = "INSTANT")]
    pub(super) expires_at: Option<String>,
    /// Without a key and a server: write to the store's file, which no server may be using. This
    /// is how to get in again when every key is lost
    #[arg(long)]
    pub(super) offline: bool,
}

const COLUMNS: [Column; 7] = [
    ("ID", "id"),
    ("NAME", "name"),
    ("PRINCIPAL", "principal"),
    ("STATUS", "status"),
    ("SCOPES", "scopes"),
    ("CREATED", "created_at"),
    ("LAST USED", "last_used_at"),
];

/// Runs a verb over HTTP.
///
/// # Errors
/// Any [`Failure`] of the call.
pub(super) async fn run(verb: Keys, client: &Client, screen: Screen) -> Result<(), Failure> {
    match verb {
        Keys::List { paging } => screen.list(&client.get(&path(&[]), &paging.query(&[])).await?, &COLUMNS),
        Keys::Create(key) => made(&client.call(Method::POST, &path(&[]), Some(&key.body())).await?, screen),
        Keys::Rotate { id, overlap_s } => {
            let body = overlap_s.map(|overlap_s| json!({ "overlap_s": overlap_s }));
            made(&client.call(Method::POST, &path(&[&id, "rotate"]), body.as_ref()).await?, screen)
        }
        Keys::Revoke { id } => {
            client.call(Method::DELETE, &path(&[&id]), None).await?;
            screen.say(&format!("Revoked {id}"));
            Ok(())
        }
    }
}

impl NewKey {
    /// The body of the request that makes it.
    fn body(&self) -> Value {
        let mut body = json!({ "name": self.name });
        match &self.role {
            Some(role) => body["role"] = json!(role),
            None if self.scopes.is_empty() => body["role"] = json!("reader"),
            None => body["scopes"] = json!(self.scopes),
        }
        if let Some(environment) = &self.environment {
            body["environment"] = json!(environment);
        }
        if let Some(at) = &self.expires_at {
            body["expires_at"] = json!(at);
        }
        body
    }
}

/// Prints a key that is shown this once.
///
/// # Errors
/// When nobody reads.
pub(super) fn made(answer: &str, screen: Screen) -> Result<(), Failure> {
    screen.item(answer)?;
    screen.say("Keep the key: it is not shown again.");
    Ok(())
}

fn path<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    ["api", "v1", "keys"].iter().chain(rest).copied().collect()
}
