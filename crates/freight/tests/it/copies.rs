//! Several processes on shared backends: two that serve the API, one that runs the work.
//!
//! DynamoDB and SQS are moto behind the shim on its bad day; Redis is a server of the test's own.

use std::path::Path;

use serde_json::Value;
use testkit::Client;
use testkit::aws::Odds;
use testkit::copies::{Backends, Copy};

use crate::server::stand_in;

const PROGRAM: &str = env!("CARGO_BIN_EXE_freight");

/// Backends, and stand-ins of third parties that all copies call.
async fn backends() -> Backends {
    Backends::start(31).await.with("FREIGHT_SANDBOX_AT", &stand_in().await.to_string())
}

fn start(backends: &Backends, arguments: &[&str]) -> Copy {
    Copy::start(backends.command(Path::new(PROGRAM), arguments))
}

fn stop(copy: Copy) {
    copy.signal("TERM");
    assert_eq!(copy.ended().0, Some(0));
}

/// What a run of twenty calls tells. On a bad day an answer may be 503, or a job take longer than a
/// request waits: then a caller asks again, and joins the run that is under way.
async fn fetched(client: &Client) -> Value {
    let asked = serde_json::json!({ "calls": 20, "size": 10 });
    for _ in 0..10 {
        let answer = client.with_header("prefer", "wait=30").post("/fetch-data", &asked).await;
        match answer.status.as_u16() {
            200 => return answer.json(),
            status => assert!(matches!(status, 202 | 503), "{status}: {}", answer.text()),
        }
    }
    panic!("no run ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_copy_takes_in_another_does_and_a_third_tells() {
    let backends = backends().await;
    let tables = ["plan", "check", "create", "check"].map(|verb| ["--json", "tables", verb]);
    let [plan, before, made, after] = tables.map(|arguments| backends.run(Path::new(PROGRAM), &arguments));
    let statuses = [plan.0, before.0, made.0, after.0];
    assert_eq!(statuses, [Some(0), Some(1), Some(0), Some(0)], "{} {}", made.1, after.1);
    let count = |text: &str| serde_json::from_str::<Value>(text).unwrap()["items"].as_array().unwrap().len();
    assert!(count(&plan.1) > 10 && count(&plan.1) == count(&made.1));
    backends.shim.set(Odds::BAD_DAY);

    let one = start(&backends, &["api", "--sandbox"]);
    let other = start(&backends, &["api"]);
    let worker = start(&backends, &["worker", "--sandbox"]);
    let key = backends.key();
    let [first, second] = [&one, &other].map(|copy| Client::at(copy.url.as_str()).with_key(&key));

    let told = fetched(&first).await;
    assert_eq!((&told["users"], &told["api_calls"]), (&200.into(), &20.into()), "{told}");
    assert_eq!(second.get("/status").await.expect(200).json(), told);
    second.get("/readyz").await.expect(200);

    [worker, other, one].into_iter().for_each(stop);
    let fired = backends.shim.fired();
    assert!(fired.throttled > 0 && fired.conflicts > 0 && fired.failed > 0 && fired.lost > 0, "{fired:?}");
}
