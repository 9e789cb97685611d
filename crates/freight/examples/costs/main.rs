//! What `cargo xtask bench costs` prints: for each measure how many requests it makes of store, queue,
//! limiter and cache, and how many units of reading and writing DynamoDB would charge for it. One JSON line each.

#![expect(clippy::unwrap_used, reason = "who started it sees why it ended")]

mod measures;

use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for measures::Measure { name, what, bill, store_max, cache_max } in measures::all().await {
        let line = json!({
            "name": name,
            "what": what,
            "store_max": store_max,
            "store": bill.store(),
            "read_units": bill.read_units,
            "write_units": bill.write_units,
            "queue": bill.queue,
            "limiter": bill.limiter,
            "cache_max": cache_max,
            "cache": bill.cache,
        });
        println!("{line}");
    }
}
