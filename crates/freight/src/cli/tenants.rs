//! `freight tenants`: whose data there is. Needs a key of the tenant `system`.

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::client::Client;
use super::failure::Failure;
use super::paging::Paging;
use super::screen::{Column, Screen};

/// Verbs of `freight tenants`.
#[derive(Debug, Subcommand)]
pub(super) enum Tenants {
    /// List tenants
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a tenant
    Show { id: String },
    /// Make a tenant
    Create {
        /// Its name for people
        name: String,
        /// Its name in addresses: a-z, 0-9 and -; made from the name if absent
        #[arg(long)]
        slug: Option<String>,
    },
    /// Refuse a tenant's callers until it is activated
    Suspend { id: String },
    /// Let a suspended tenant's callers in again
    Activate { id: String },
    /// Delete a tenant and everything it has, as a job
    Delete {
        id: String,
        /// Say that you mean it
        #[arg(long, required = true)]
        yes: bool,
    },
}

const COLUMNS: [Column; 5] =
    [("ID", "id"), ("NAME", "name"), ("SLUG", "slug"), ("STATUS", "status"), ("CREATED", "created_at")];

/// Runs a verb.
///
/// # Errors
/// Any [`Failure`] of the call.
pub(super) async fn run(verb: Tenants, client: &Client, screen: Screen) -> Result<(), Failure> {
    match verb {
        Tenants::List { paging } => screen.list(&client.get(&path(&[]), &paging.query(&[])).await?, &COLUMNS),
        Tenants::Show { id } => screen.item(&client.get(&path(&[&id]), &[]).await?),
        Tenants::Create { name, slug } => {
            let slug = slug.unwrap_or_else(|| slug_of(&name));
            let body = json!({ "name": name, "slug": slug });
            screen.item(&client.call(Method::POST, &path(&[]), Some(&body)).await?)
        }
        Tenants::Suspend { id } => status(&id, "suspended", client, screen).await,
        Tenants::Activate { id } => status(&id, "active", client, screen).await,
        Tenants::Delete { id, .. } => screen.item(&client.call(Method::DELETE, &path(&[&id]), None).await?),
    }
}

async fn status(id: &str, status: &str, client: &Client, screen: Screen) -> Result<(), Failure> {
    let body = json!({ "status": status });
    screen.item(&client.call(Method::PATCH, &path(&[id]), Some(&body)).await?)
}

fn path<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    ["api", "v1", "tenants"].iter().chain(rest).copied().collect()
}

/// "Blue Team" is `blue-team`; the server decides whether it is allowed.
fn slug_of(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    plain.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}
