//! What `cargo xtask bench costs` prints: for each measure how many requests it makes of store, queue,
//! limiter and cache, how many units of reading and writing DynamoDB would charge for it, and at most how
//! many of each there may be. One JSON line each.

#![expect(clippy::unwrap_used, reason = "who started it sees why it ended")]

mod measures;

use measures::Count;
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for measure in measures::all().await {
        let mut line = json!({ "name": measure.name, "what": measure.what, "operation": measure.operation });
        for Count { of, asked, most } in measure.counts() {
            line[of] = asked.into();
            line[format!("{of}_max")] = most.into();
        }
        println!("{line}");
    }
}
