//! The contract of this service over HTTP, as cases that any server must pass.
//!
//! [`cases`] runs them one after the other against a server that was just started, whose workers run, and
//! whose catalog has [`flights`] under the name `flights`, known by `id` and with `secret` redacted. They
//! run here on memory, and from `freight/tests/it/carts.rs` on every backend.
//!
//! - [`carts`]: making, naming, removing them; the default one. [`items`]: what lies in them.
//! - [`queries`]: jobs that fill them. [`combining`]: jobs that combine two; manifests and summaries.
//! - [`access`]: who may do what.

#![expect(clippy::expect_used, reason = "a case ends by panicking")]

mod access;
mod carts;
mod combining;
mod items;
mod queries;

use serde_json::{Value, json};
use testkit::{Answer, Client};

/// Who calls. Nobody has a cart yet.
pub struct Callers {
    /// May do everything with carts, and sees what is redacted.
    pub owner: Client,
    /// Another user of the same tenant, who may do everything with carts and nothing else.
    pub other: Client,
    /// Of the same tenant, and has `carts:read` alone.
    pub reader: Client,
    /// Of another tenant, and has every scope of it.
    pub stranger: Client,
}

/// So many flights there are.
pub const FLIGHTS: usize = 1_200;

/// The records of the dataset `flights`.
pub fn flights() -> Vec<Value> {
    let carriers = ["UA", "AA", "B6", "DL"];
    let flight = |n: usize| {
        let tail = (!n.is_multiple_of(50)).then(|| format!("N{}", 10_000 + n % 700));
        json!({
            "id": n, "carrier": carriers[n % 4], "distance": n % 1_000,
            "hours": { "gte": n % 20, "lte": n % 20 + 4 }, "tailnum": tail, "secret": format!("s{}", n % 2),
        })
    };
    (0..FLIGHTS).map(flight).collect()
}

/// Runs every case.
pub async fn cases(callers: &Callers) {
    carts::cases(callers).await;
    items::cases(callers).await;
    queries::cases(callers).await;
    combining::cases(callers).await;
    access::cases(callers).await;
}

/// Makes a cart; where it is.
async fn cart(client: &Client, name: &str) -> String {
    let made = client.post("/resources/carts/", &json!({ "cart_name": name })).await.expect(201);
    made.header("location").expect("where the cart is").to_owned()
}

/// Fills a cart by hand with items of the type `things`.
async fn fill(client: &Client, cart: &str, ids: impl IntoIterator<Item = usize>) {
    let items: Vec<Value> =
        ids.into_iter().map(|id| json!({ "entity_type": "things", "entity_id": id.to_string() })).collect();
    for items in items.chunks(1_000) {
        client.post(&format!("{cart}/items/"), &json!(items)).await.expect(207);
    }
}

/// The end of a job that was accepted.
async fn ended(client: &Client, accepted: Answer) -> Value {
    let at = accepted.expect(202).header("location").expect("where the job is").to_owned();
    for _ in 0..20 {
        let job = client.with_header("prefer", "wait=20").get(&at).await.expect(200).json();
        let status = job["status"].as_str().expect("a status");
        if !["pending", "running"].contains(&status) && job["remaining_parts"] == 0 {
            return job;
        }
    }
    panic_over(&at)
}

#[expect(clippy::panic, reason = "a case ends by panicking")]
fn panic_over(at: &str) -> ! {
    panic!("{at} does not end")
}

/// How many items lie in a cart.
async fn count(client: &Client, cart: &str) -> u64 {
    client.get(&format!("{cart}/summary")).await.expect(200).json()["items_count"].as_u64().expect("a count")
}

/// The entity ids in a cart, sorted.
async fn ids(client: &Client, cart: &str) -> Vec<String> {
    let lines = client.get(&format!("{cart}/manifest")).await.expect(200).text();
    let id = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("a row");
        row["entity_id"].as_str().expect("an id").to_owned()
    };
    let mut ids: Vec<String> = lines.lines().map(id).collect();
    ids.sort();
    ids
}

/// Runs the cases of many items. They are apart, since an emulator that copies its tables for each
/// transaction takes minutes for them.
pub async fn largest(callers: &Callers) {
    items::many_items_are_shown_page_by_page(&callers.owner).await;
    queries::a_query_fills_a_cart(&callers.owner, &json!({}), FLIGHTS, 2).await;
}

/// The first field that a refusal names.
#[track_caller]
fn field(answer: &Answer) -> String {
    answer.json()["details"][0]["field"].as_str().expect("a field").to_owned()
}
