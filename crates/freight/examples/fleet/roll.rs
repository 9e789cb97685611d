//! Three copies under load, of which one after the other is stopped and started anew, by SIGTERM and by
//! SIGKILL in turn.
//!
//! Whoever asks through a front that tries twice is answered; each job that was accepted comes to its
//! end; each tick of a schedule makes one job, or joins that of a tick before it which still runs; a copy that
//! was told to stop is gone in time, and what it worked on goes on elsewhere at once, since it gave its leases
//! back. The saboteur is a copy that keeps them: it is killed where it ought to be told.
//!
//! A write on which a copy worked when it was killed is answered 409 elsewhere until the lease of its key is
//! over, a minute later: nobody knows before whether it was done. That is no refusal, and is counted apart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use testkit::copies::{Backends, Copy};
use tokio::task::JoinHandle;

use crate::Script;
use crate::front::{Front, Refused};

const COPIES: usize = 3;
/// How long a call of the stand-in takes: longer than copies wait for what runs when they stop.
const CALL_MS: u64 = 4_000;
const GRACE_S: &str = "2";
/// How long a copy is not ready before it hears nobody any more.
const DRAIN_S: &str = "1";
const LOOK: Duration = Duration::from_millis(250);
const PAUSE: Duration = Duration::from_millis(50);
/// How soon somebody works on a job that was accepted.
const BUSY_MAX: Duration = Duration::from_secs(10);
/// How often the schedule ticks.
const EVERY: Duration = Duration::from_secs(30);
/// How long the first tick that makes a job may take to come.
const TICK_MAX: Duration = Duration::from_secs(90);
/// How long all jobs may take to come to their end at last.
const END_MAX: Duration = Duration::from_secs(120);
const SECOND: Duration = Duration::from_secs(1);

pub(crate) async fn play(script: &Script) -> Value {
    let behaviour = sandbox::Behaviour { latency_ms: CALL_MS, ..sandbox::Behaviour::default() };
    let environment = [("FREIGHT_SERVER_GRACE_S", GRACE_S), ("FREIGHT_SERVER_DRAIN_DELAY_S", DRAIN_S)];
    let backends = script.backends(behaviour, &environment).await;
    let mut copies: Vec<Copy> = Vec::new();
    for _ in 0..COPIES {
        copies.push(start(script, &backends));
    }
    let front = Arc::new(Front::new(backends.key()));
    copies.iter().for_each(|copy| front.add(&copy.url));
    schedule(&front, &backends).await;
    write(&front, "first", 0).await.unwrap();
    let load = Load::start(&front);
    let mut told = Told::default();
    for round in 0..script.rounds {
        // A copy is told to stop while it works, and killed in every other round.
        let job = load.accept(&front).await;
        tokio::time::sleep(Duration::from_millis(CALL_MS / 2)).await;
        let at = busy(&front, &copies).await;
        let copy = copies.remove(at);
        let is_told = round % 2 == 0;
        let began = Instant::now();
        told.stop(&front, copy, is_told, script.saboteur.is_some()).await;
        copies.push(start(script, &backends));
        front.add(&copies[COPIES - 1].url);
        // The next round has a job of its own.
        settled(&front, &job).await;
        if is_told {
            told.handed_on_ms = told.handed_on_ms.max(began.elapsed().as_millis());
        }
        told.rounds += 1;
    }
    told.end(&front, load).await
}

/// The copy that is stopped: the oldest that works on something.
async fn busy(front: &Front, copies: &[Copy]) -> usize {
    let begun = Instant::now();
    while begun.elapsed() < BUSY_MAX {
        for (at, copy) in copies.iter().enumerate() {
            if front.running(&copy.url).await.is_some_and(|running| running > 0) {
                return at;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("nobody works on a job that was just accepted");
}

fn start(script: &Script, backends: &Backends) -> Copy {
    Copy::start(backends.command(&script.program, &["serve", "--sandbox"]))
}

#[derive(Default)]
struct Told {
    rounds: u64,
    /// The longest that a job took which was under way when a copy was told to stop.
    handed_on_ms: u128,
    /// The longest that a copy took to end.
    exit_ms: u128,
    /// Copies that ended otherwise than they should.
    wrong: Vec<String>,
}

impl Told {
    async fn stop(&mut self, front: &Arc<Front>, copy: Copy, is_told: bool, keeps_leases: bool) {
        let url = copy.url.clone();
        copy.signal(if is_told && !keeps_leases { "TERM" } else { "KILL" });
        let ended = tokio::task::spawn_blocking(move || copy.ended()).await.unwrap();
        front.leave_out(&url);
        self.exit_ms = self.exit_ms.max(ended.1.as_millis());
        // 0: all that ran has ended; 1 would be a failure. Killed, it has no status.
        if is_told && !keeps_leases && ended.0 != Some(0) {
            self.wrong.push(format!("a copy that was told to stop ended with {:?}", ended.0));
        }
    }

    async fn end(self, front: &Arc<Front>, load: Load) -> Value {
        // Few rounds can be over before the schedule has ticked at all.
        let begun = Instant::now();
        while ticks(front).await.is_empty() && begun.elapsed() < TICK_MAX {
            tokio::time::sleep(SECOND).await;
        }
        let Asked { requests, waited, refused, jobs } = load.stop();
        let mut lost = Vec::new();
        for job in &jobs {
            let status = settled(front, job).await;
            if status != "completed" {
                lost.push(format!("{job} {status}"));
            }
        }
        let ticks = ticks(front).await;
        let distinct: BTreeSet<Timestamp> = ticks.iter().map(|tick| tick.at).collect();
        json!({
            "rounds": self.rounds,
            "asked": requests,
            "told_to_wait": waited,
            "refused": refused.values().sum::<u64>(),
            "jobs": jobs.len(),
            "jobs_lost": lost.len(),
            "ticks": ticks.len(),
            "ticks_twice": ticks.len() - distinct.len(),
            "ticks_missed": missed(&ticks),
            "handed_on_ms": self.handed_on_ms,
            "exit_ms": self.exit_ms,
            "wrong": self.wrong.into_iter().chain(lost).chain(refused.into_keys()).collect::<Vec<_>>(),
        })
    }
}

/// Callers through the front.
struct Load {
    asked: Arc<Mutex<Asked>>,
    callers: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Asked {
    requests: u64,
    /// Answers that told a caller to ask again, with the same key.
    waited: u64,
    refused: BTreeMap<String, u64>,
    jobs: BTreeSet<String>,
}

impl Asked {
    fn count(&mut self, problem: Option<String>) {
        self.requests += 1;
        if let Some(problem) = problem {
            *self.refused.entry(problem).or_default() += 1;
        }
    }
}

impl Load {
    fn start(front: &Arc<Front>) -> Self {
        let asked: Arc<Mutex<Asked>> = Arc::default();
        let mut callers = vec![tokio::spawn(look(front.clone()))];
        for caller in 0..4 {
            callers.push(tokio::spawn(call(front.clone(), asked.clone(), caller)));
        }
        Self { asked, callers }
    }

    /// Has a job accepted.
    async fn accept(&self, front: &Front) -> String {
        let answer = front.ask(Method::POST, "/fetch-data", &[], Some(&json!({ "calls": 24, "size": 2 }))).await;
        let job: Value = answer.unwrap().json().await.unwrap();
        let id = job["id"].as_str().unwrap().to_owned();
        self.asked.lock().unwrap().jobs.insert(id.clone());
        id
    }

    fn stop(self) -> Asked {
        self.callers.iter().for_each(JoinHandle::abort);
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

async fn look(front: Arc<Front>) {
    loop {
        tokio::time::sleep(LOOK).await;
        front.look().await;
    }
}

async fn call(front: Arc<Front>, asked: Arc<Mutex<Asked>>, caller: usize) {
    for n in 0.. {
        let mut answer = match caller % 2 {
            0 => write(&front, &format!("{caller}-{n}"), n).await,
            _ => front.ask(Method::GET, "/source/series/roll/records?limit=1", &[], None).await,
        };
        // A copy was killed while it worked on this request: its caller has to wait until that is plain.
        while answer.as_ref().is_ok_and(|answer| answer.status() == StatusCode::CONFLICT) {
            asked.lock().unwrap().waited += 1;
            tokio::time::sleep(SECOND).await;
            answer = write(&front, &format!("{caller}-{n}"), n).await;
        }
        let problem = match answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(answer.status().to_string()),
            Err(refused) => Some(refused.0),
        };
        asked.lock().unwrap().count(problem);
        tokio::time::sleep(PAUSE).await;
    }
}

async fn write(front: &Front, key: &str, n: u64) -> Result<Response, Refused> {
    let body = json!({ "name": "roll", "data": { "n": n } });
    front.ask(Method::POST, "/source/write_raw", &[("idempotency-key", key)], Some(&body)).await
}

/// Waits for the end of a job.
async fn settled(front: &Front, job: &str) -> String {
    let begun = Instant::now();
    loop {
        let answer = front.ask(Method::GET, &format!("/api/v1/jobs/{job}"), &[], None).await;
        let status = match answer {
            Ok(answer) if answer.status().is_success() => {
                let job: Value = answer.json().await.unwrap();
                job["status"].as_str().unwrap().to_owned()
            }
            _ => "unknown".to_owned(),
        };
        if !matches!(status.as_str(), "pending" | "running" | "unknown") || begun.elapsed() > END_MAX {
            return status;
        }
        tokio::time::sleep(SECOND).await;
    }
}

/// A dataset that is fetched every half minute, with one fetch at a time.
async fn schedule(front: &Front, backends: &Backends) {
    let url = format!("http://{}/api/v2/users", backends.variable("FREIGHT_SANDBOX_AT"));
    let schedule = format!("every {}s", EVERY.as_secs());
    let source = json!({ "url": url, "schedule": schedule, "params": { "size": "2" } });
    let dataset = json!({ "name": "scheduled", "key": "id", "sort": "last_name", "source": source });
    let made = front.ask(Method::POST, "/api/v1/datasets", &[], Some(&dataset)).await.unwrap();
    assert!(made.status().is_success(), "{}", made.text().await.unwrap());
}

/// A tick that made a job.
struct Tick {
    at: Timestamp,
    /// When the job came to its end, if it has.
    ended: Option<Timestamp>,
}

/// For which ticks there are jobs.
async fn ticks(front: &Front) -> Vec<Tick> {
    let answer = front.ask(Method::GET, "/api/v1/jobs?limit=1000", &[], None).await.unwrap();
    let jobs: Value = answer.json().await.unwrap();
    assert_eq!(jobs["has_more"], false, "one page has all jobs");
    let jobs = jobs["items"].as_array().unwrap().iter();
    let scheduled = jobs.filter(|job| job["created_by"].as_str().is_some_and(|by| by.starts_with("schedule:")));
    let instant = |value: &Value| value.as_str().map(|text| text.parse::<Timestamp>().unwrap());
    let tick = |job: &Value| Tick { at: instant(&job["created_at"]).unwrap(), ended: instant(&job["completed_at"]) };
    scheduled.map(tick).collect()
}

/// How many ticks between the first and the last made no job, although there was none for them to join.
fn missed(ticks: &[Tick]) -> usize {
    let instants = || ticks.iter().map(|tick| tick.at);
    let Some((first, last)) = instants().min().zip(instants().max()) else { return 0 };
    let answers = |beat: Timestamp| {
        let joined = |tick: &Tick| tick.at < beat && tick.ended.is_none_or(|ended| ended >= beat);
        ticks.iter().any(|tick| tick.at == beat || joined(tick))
    };
    (0_u32..).map(|n| first + EVERY * n).take_while(|beat| *beat <= last).filter(|beat| !answers(*beat)).count()
}
