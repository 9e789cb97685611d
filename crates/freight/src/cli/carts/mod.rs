//! `freight carts`: selections of records.
//!
//! - [`work`]: queries and combinations, which are jobs, and how far they are.

mod work;

use std::path::PathBuf;

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::failure::Failure;
use super::paging::Paging;
use super::screen::{Column, Screen};
use super::transfer;

/// Verbs of `freight carts`.
#[derive(Debug, Subcommand)]
pub(super) enum Carts {
    /// List your carts, the newest first
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Make a cart
    Create { name: String },
    /// Show how much of what lies in a cart
    Show {
        /// Its id; your default cart if not said
        #[arg(default_value = "default")]
        cart: String,
    },
    /// List what lies in a cart
    Items {
        /// Its id; your default cart if not said
        #[arg(default_value = "default")]
        cart: String,
        #[command(flatten)]
        paging: Paging,
    },
    /// Put an item in a cart
    Add {
        /// The cart's id, or default
        cart: String,
        /// Of what type; the name of a dataset, if it is a record of one
        #[arg(value_name = "TYPE")]
        entity_type: String,
        /// Which one
        #[arg(value_name = "ID")]
        entity_id: String,
        /// Which version of it
        #[arg(long)]
        version: Option<String>,
        /// What there is to say of it: a JSON object
        #[arg(long, value_parser = object)]
        attributes: Option<Value>,
    },
    /// Take an item out of a cart
    Remove {
        /// The cart's id, or default
        cart: String,
        /// The item's id: 64 hex digits
        item: String,
    },
    /// Put what a query finds in a cart
    Query(work::Query),
    /// Replace what lies in a cart by its combination with another
    Combine(work::Combine),
    /// Export a cart to standard output or a file; equal carts give equal bytes
    Export {
        /// Its id; your default cart if not said
        #[arg(default_value = "default")]
        cart: String,
        /// How to write it
        #[arg(long, value_parser = ["ndjson", "json", "csv", "tsv"], default_value = "ndjson")]
        format: String,
        /// The file to make; it appears when it is whole
        #[arg(long, short)]
        output: Option<PathBuf>,
    },
    /// Delete a cart
    Delete { cart: String },
}

const COLUMNS: [Column; 5] =
    [("ID", "id"), ("NAME", "cart_name"), ("DEFAULT", "default"), ("ITEMS", "items_count"), ("CREATED", "created_at")];

const ITEM_COLUMNS: [Column; 5] = [
    ("ID", "id"),
    ("TYPE", "entity_type"),
    ("ENTITY", "entity_id"),
    ("VERSION", "entity_version"),
    ("ADDED", "added_at"),
];

/// Runs a verb.
///
/// # Errors
/// Any [`Failure`] of the call.
pub(super) async fn run(verb: Carts, client: &Client, screen: Screen) -> Result<(), Failure> {
    match verb {
        Carts::List { paging } => screen.list(&client.get(&path(&[]), &paging.query(&[])).await?, &COLUMNS),
        Carts::Create { name } => {
            let body = json!({ "cart_name": name });
            screen.item(&client.call(Method::POST, &path(&[]), Some(&body)).await?)
        }
        Carts::Show { cart } => screen.item(&client.get(&path(&[&cart, "summary"]), &[]).await?),
        Carts::Items { cart, paging } => {
            let answer = client.get(&path(&[&cart]), &paging.query(&[])).await?;
            screen.list(&answer, &ITEM_COLUMNS)
        }
        Carts::Add { cart, entity_type, entity_id, version, attributes } => {
            let said = [("entity_version", version.map(Value::from)), ("attributes", attributes)];
            let said = said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            let named = [("entity_type", entity_type), ("entity_id", entity_id)];
            let named = named.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
            let body = Value::Object(named.chain(said).collect::<Map<_, _>>());
            screen.item(&client.call(Method::POST, &path(&[&cart, "items"]), Some(&body)).await?)
        }
        Carts::Remove { cart, item } => {
            screen.item(&client.call(Method::DELETE, &path(&[&cart, "items", &item]), None).await?)
        }
        Carts::Query(query) => query.run(client, screen).await,
        Carts::Combine(combine) => combine.run(client, screen).await,
        Carts::Export { cart, format, output } => {
            let query = [("format", Some(format.as_str()))];
            transfer::save(&path(&[&cart, "manifest"]), &query, Method::GET, output.as_deref(), client).await
        }
        Carts::Delete { cart } => screen.item(&client.call(Method::DELETE, &path(&[&cart]), None).await?),
    }
}

/// Where carts are.
fn path<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    ["resources", "carts"].iter().chain(rest).copied().collect()
}

/// A JSON object that an argument is.
fn object(text: &str) -> Result<Value, &'static str> {
    serde_json::from_str(text).ok().filter(Value::is_object).ok_or("a JSON object, such as {\"price\": 21.5}")
}
