//! Three processes on DynamoDB and SQS, one of which is stopped at a time.
//!
//! While it is, the others take its tasks over, one by one; when it wakes it tries to end them, a little
//! later still.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use base::clock::SystemClock;
use base::intercept::Intercepted;
use base::store::Table;
use base::{Clock, Secret, Store};
use cloud::aws::AccessKey;
use cloud::{Aws, DynamoStore, SqsQueue, dynamo, sqs};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use testkit::aws::{AwsShim, Moto, Odds};

use crate::late::{Fence, Late, Stops};
use crate::work::{Callers, EFFECTS, all_done, engine, tell};

const PROCESSES: usize = 3;
const CALLERS: usize = 4;
/// A lease, what takers wait past it, and time to take some tasks over.
const STOP: Duration = Duration::from_millis(6_500);
/// How long all run between two stops, at least, and how much longer at most, in milliseconds.
const RUN_LEAST_MS: u64 = 1_000;
const RUN_MORE_MS: u64 = 600;
/// For each stop that is asked for at most so many are made, until a stale write was refused for each.
const STOPS_PER: u64 = 3;
/// How often a process says how many it was refused.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// An emulator takes its time.
const SILENCE_MAX: Duration = Duration::from_secs(20);

pub(crate) async fn run(seed: u64, stops: u64, fence: Fence) {
    let shim = AwsShim::start(Moto::shared(), seed, Odds::default()).await;
    let (store, queue) = backends(&shim.url()).await;
    store.tables_create().await.unwrap();
    queue.queues_create().await.unwrap();
    let mut processes: Vec<Process> = (0..PROCESSES).map(|n| Process::start(&shim.url(), n, fence)).collect();
    let mut random = StdRng::seed_from_u64(seed);
    // The attack is a stale write that is refused, one for each stop that was asked for.
    for n in 0..STOPS_PER * stops {
        if n >= stops && (fence == Fence::None || processes.iter().map(Process::refused).sum::<u64>() >= stops) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(RUN_LEAST_MS + random.random_range(0..RUN_MORE_MS))).await;
        let process = &processes[random.random_range(0..PROCESSES)];
        process.signal("STOP");
        tokio::time::sleep(STOP).await;
        process.signal("CONT");
    }
    tokio::time::sleep(Duration::from_millis(RUN_LEAST_MS)).await;
    processes.iter_mut().for_each(Process::tell_to_end);
    let stale: u64 = processes.into_iter().map(Process::end).sum();
    tell(&store).await;
    println!("stale {stale}");
}

/// One of the processes.
pub(crate) async fn one(url: &str, name: &str, fence: Fence) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (store, queue) = backends(url).await;
    let stops = Arc::new(Stops::new());
    let late = Late { stops: stops.clone(), fence, is_held_back: true };
    let store: Arc<dyn Store> = Arc::new(store);
    let engine = engine(Arc::new(Intercepted::new(store.clone(), late)), Arc::new(queue), clock.clone());
    let workers = engine.workers_start();
    tokio::spawn(tell_refused(stops.clone()));
    let callers = Callers::start(std::slice::from_ref(&engine), (&store, &clock), name, CALLERS);
    tokio::task::spawn_blocking(|| std::io::stdin().lock().lines().next()).await.unwrap();
    callers.end().await;
    all_done(&engine, &clock).await;
    workers.stop(Duration::from_secs(5)).await;
    println!("stale {}", stops.refused());
}

async fn tell_refused(stops: Arc<Stops>) {
    let mut told = 0;
    loop {
        tokio::time::sleep(TELL_EVERY).await;
        if stops.refused() > told {
            told = stops.refused();
            println!("refused {told}");
        }
    }
}

async fn backends(url: &str) -> (DynamoStore, SqsQueue) {
    let access_key = AccessKey { id: "test".to_owned(), secret: Secret::new("test".to_owned()), session: None };
    let region = Some("eu-west-2".to_owned());
    let aws = Aws { region, endpoint: Some(url.to_owned()), access_key: Some(access_key) };
    let prefix = "zombies-".to_owned();
    let tables: Vec<Table> = jobs::TABLES.into_iter().chain([EFFECTS]).collect();
    let options = dynamo::Options { prefix: prefix.clone(), tables, silence_max: SILENCE_MAX };
    let store = DynamoStore::connect(&aws, options, Arc::new(SystemClock::new())).await;
    let topics = jobs::TOPICS.map(str::to_owned).to_vec();
    (store, SqsQueue::connect(&aws, sqs::Options { prefix, topics, ..sqs::Options::default() }).await)
}

struct Process {
    child: Child,
    refused: Arc<AtomicU64>,
    /// Passes on what it acknowledges; ends with how many stale writes it was refused.
    heard: JoinHandle<u64>,
}

impl Process {
    fn start(url: &str, n: usize, fence: Fence) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["one", url, &format!("{n}-")]).stdin(Stdio::piped()).stdout(Stdio::piped());
        if fence == Fence::None {
            command.arg("no-fence");
        }
        let mut child = command.spawn().unwrap();
        let said = child.stdout.take().unwrap();
        let refused = Arc::new(AtomicU64::new(0));
        let by = refused.clone();
        Self { child, refused, heard: std::thread::spawn(move || hear(said, &by)) }
    }

    /// How many stale writes it was refused, as far as it said.
    fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn signal(&self, name: &str) {
        let told = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
    }

    fn tell_to_end(&mut self) {
        self.child.stdin.take().unwrap().write_all(b"end\n").unwrap();
    }

    fn end(mut self) -> u64 {
        let stale = self.heard.join().unwrap();
        assert!(self.child.wait().unwrap().success());
        stale
    }
}

fn hear(said: ChildStdout, refused: &AtomicU64) -> u64 {
    for line in BufReader::new(said).lines() {
        let line = line.unwrap();
        match line.split_once(' ') {
            Some(("stale", stale)) => return stale.parse().unwrap(),
            Some(("refused", so_far)) => refused.store(so_far.parse().unwrap(), Ordering::Relaxed),
            _ => println!("{line}"),
        }
    }
    panic!("a process ended before it was told to")
}
