//! Who calls all the time, and remembers what was answered.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Answer, Client};
use tokio::task::{JoinHandle, JoinSet};

/// The series that is written to.
pub(crate) const SERIES: &str = "load";
/// What is read: an answer that is cached.
pub(crate) const CHART: &str = "/v1/chart/ethereum/0x00000000000000000000000000000000000000aa?frequency=1d";
/// The datasets that are fetched in turn: a request joins the job of its dataset that is under way, and one that
/// was interrupted waits for its lease to end.
pub(crate) const DATASETS: [&str; 3] = ["load-0", "load-1", "load-2"];

/// How long who writes or reads waits between requests.
const PAUSE: Duration = Duration::from_millis(40);
/// And who has jobs done: the emulator has much to do for each.
const JOB_PAUSE: Duration = Duration::from_millis(400);
/// A crowd, in waves: all of it waits at once where nobody answers within half a second, and two cores are not
/// taken up by its arrival.
const CROWD: usize = 200;
const WAVE: usize = 50;
const WAVE_EVERY: Duration = Duration::from_millis(100);

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Read,
    Record,
    Job,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) what: Wanted,
    pub(crate) at: Instant,
    pub(crate) took: Duration,
    pub(crate) status: u16,
    /// Whether it says when to come back.
    pub(crate) says_when: bool,
    /// Of a write that was acknowledged: the record, or the job.
    pub(crate) made: Option<String>,
    /// Of a read: how old the answer was and how it came, if it says so.
    pub(crate) mark: Option<String>,
}

impl Asked {
    /// What acknowledged requests of a kind have made.
    pub(crate) fn made(asked: &[Self], what: Wanted) -> impl Iterator<Item = &String> {
        asked.iter().filter(move |asked| asked.what == what).filter_map(|asked| asked.made.as_ref())
    }
}

/// Callers, until it is dropped.
pub(crate) struct Load {
    url: String,
    key: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    callers: Vec<JoinHandle<()>>,
}

impl Load {
    /// One who reads, one who has jobs done and so many who write, each with a pause between requests.
    pub(crate) fn start(url: &str, key: &str, writers: usize) -> Self {
        let (client, asked) = (Client::at(url).with_key(key), Arc::<Mutex<Vec<Asked>>>::default());
        let callers = (0..writers + 2).map(|caller| {
            let (client, asked) = (client.clone(), asked.clone());
            tokio::spawn(async move {
                for n in 0.. {
                    let (one, pause) = match caller {
                        0 => (read(&client).await, PAUSE),
                        1 => (job(&client, n).await, JOB_PAUSE),
                        _ => (write(&client, &format!("{caller}-{n}"), n).await, PAUSE),
                    };
                    asked.lock().unwrap().push(one);
                    tokio::time::sleep(pause).await;
                }
            })
        });
        Self { url: url.to_owned(), key: key.to_owned(), callers: callers.collect(), asked }
    }

    /// Others who will each write once, over connections of their own.
    pub(crate) fn crowd(&self, name: usize) -> Crowd {
        Crowd { client: Client::at(self.url.as_str()).with_key(&self.key), asked: self.asked.clone(), name }
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

/// Many who have not called yet.
pub(crate) struct Crowd {
    client: Client,
    asked: Arc<Mutex<Vec<Asked>>>,
    name: usize,
}

impl Crowd {
    /// Comes in waves, and ends when everybody was answered; it panics where somebody was not.
    pub(crate) async fn come(self) {
        let mut callers = JoinSet::new();
        for caller in 0..CROWD {
            if caller % WAVE == 0 {
                tokio::time::sleep(WAVE_EVERY).await;
            }
            let (client, asked) = (self.client.clone(), self.asked.clone());
            let key = format!("crowd-{}-{caller}", self.name);
            callers.spawn(async move {
                let one = write(&client, &key, 0).await;
                asked.lock().unwrap().push(one);
            });
        }
        callers.join_all().await;
    }
}

async fn read(client: &Client) -> Asked {
    let at = Instant::now();
    let answer = client.get(CHART).await;
    let mut asked = told(Wanted::Read, at, &answer);
    asked.mark = answer.header("age").and(answer.header("cache-status")).map(str::to_owned);
    asked
}

async fn write(client: &Client, key: &str, n: u64) -> Asked {
    let client = client.with_header("idempotency-key", key);
    let at = Instant::now();
    let answer = client.post("/source/write_raw", &json!({ "name": SERIES, "data": { "n": n } })).await;
    let mut asked = told(Wanted::Record, at, &answer);
    if asked.status == 200 {
        asked.made = answer.json()["data"]["sk"].as_str().map(str::to_owned);
    }
    asked
}

async fn job(client: &Client, n: u64) -> Asked {
    let client = client.with_header("idempotency-key", &format!("job-{n}"));
    let path = format!("/api/v1/datasets/{}/fetch", DATASETS[n as usize % DATASETS.len()]);
    let at = Instant::now();
    let answer = client.post(&path, &json!({ "calls": 1 })).await;
    let mut asked = told(Wanted::Job, at, &answer);
    if asked.status == 202 {
        asked.made = answer.json()["id"].as_str().map(str::to_owned);
    }
    asked
}

fn told(what: Wanted, at: Instant, answer: &Answer) -> Asked {
    let says_when = answer.headers.contains_key("retry-after");
    Asked { what, at, took: at.elapsed(), status: answer.status.as_u16(), says_when, made: None, mark: None }
}
