//! Who calls all the time, and remembers what was answered.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::Client;
use tokio::task::JoinHandle;

/// The series that is written to.
pub(crate) const SERIES: &str = "load";
/// What is read: an answer that is cached.
pub(crate) const CHART: &str = "/v1/chart/ethereum/0x00000000000000000000000000000000000000aa?frequency=1d";

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Whether it changes anything.
    pub(crate) is_write: bool,
    pub(crate) at: Instant,
    pub(crate) took: Duration,
    pub(crate) status: u16,
    /// Whether it says when to come back.
    pub(crate) says_when: bool,
    /// Of a write that was acknowledged: the record.
    pub(crate) record: Option<String>,
    /// Of a read: how old the answer was and how it came, if it says so.
    pub(crate) mark: Option<String>,
}

/// Callers, until it is dropped.
pub(crate) struct Load {
    asked: Arc<Mutex<Vec<Asked>>>,
    callers: Vec<JoinHandle<()>>,
}

impl Load {
    /// So many who write and one who reads, each with a pause between requests.
    pub(crate) fn start(client: &Client, writers: usize, pause: Duration) -> Self {
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let callers = (0..=writers).map(|caller| {
            let (client, asked) = (client.clone(), asked.clone());
            tokio::spawn(async move {
                for n in 0.. {
                    let one = if caller == 0 { read(&client).await } else { write(&client, caller, n).await };
                    asked.lock().unwrap().push(one);
                    tokio::time::sleep(pause).await;
                }
            })
        });
        Self { callers: callers.collect(), asked }
    }

    /// Callers who call no more: one that was given no answer has panicked.
    pub(crate) fn dead(&self) -> Vec<String> {
        let dead = self.callers.iter().enumerate().filter(|(_, caller)| caller.is_finished());
        dead.map(|(caller, _)| format!("caller {caller} was given no answer")).collect()
    }

    /// What was answered so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.callers.iter().for_each(JoinHandle::abort);
    }
}

async fn read(client: &Client) -> Asked {
    let at = Instant::now();
    let answer = client.get(CHART).await;
    let mut asked = told(false, at, &answer);
    asked.mark = answer.header("age").and(answer.header("cache-status")).map(str::to_owned);
    asked
}

async fn write(client: &Client, caller: usize, n: u64) -> Asked {
    let client = client.with_header("idempotency-key", &format!("{caller}-{n}"));
    let at = Instant::now();
    let answer = client.post("/source/write_raw", &json!({ "name": SERIES, "data": { "n": n } })).await;
    let mut asked = told(true, at, &answer);
    if asked.status == 200 {
        asked.record = answer.json()["data"]["sk"].as_str().map(str::to_owned);
    }
    asked
}

fn told(is_write: bool, at: Instant, answer: &testkit::Answer) -> Asked {
    let says_when = answer.headers.contains_key("retry-after");
    Asked { is_write, at, took: at.elapsed(), status: answer.status.as_u16(), says_when, record: None, mark: None }
}

/// Every record of the series, by name.
pub(crate) async fn records(client: &Client) -> HashSet<String> {
    let answer = client.get(&format!("/source/series/{SERIES}/records?format=ndjson")).await.expect(200);
    let lines = answer.text();
    let record = |line: &str| serde_json::from_str::<Value>(line).unwrap()["sk"].as_str().unwrap().to_owned();
    lines.lines().map(record).collect()
}
