//! One story on three stores: memory, which is the specification, SQLite, and DynamoDB on its bad day.
//!
//! `model SEED COUNT [flipped]` tells so many histories, each drawn from its own seed, and compares
//! what the three stores answered to every step. It prints one JSON line and exits with 1 exactly
//! when it names a history in which they did not agree. `flipped` puts a store before DynamoDB that
//! leaves out the end of a range: the proof must notice it.

#![expect(clippy::unwrap_used, reason = "a proof that cannot run ends by panicking")]

mod flipped;
mod history;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use base::clock::ManualClock;
use base::memory::MemoryStore;
use base::store::Table;
use base::{Secret, Store};
use cloud::aws::AccessKey;
use cloud::dynamo::Options;
use cloud::{Aws, DynamoStore};
use embedded::{OpenOptions, SqliteStore};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use testkit::aws::{AwsShim, Fired, Moto, Odds};
use uuid::Uuid;

use history::{START, Step, TABLE};

/// An emulator takes its time.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// How many steps a history has.
const STEPS: usize = 60;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [first, count] = [0, 1].map(|n| words.get(n).and_then(|word| word.parse::<u64>().ok()).unwrap_or(1));
    let is_flipped = words.get(2).is_some_and(|word| word == "flipped");
    let mut told = Told::default();
    for seed in first..first + count {
        if let Some(wrong) = tell(seed, is_flipped, &mut told).await {
            told.wrong = wrong;
            break;
        }
    }
    println!("{}", told.line());
    if told.wrong.is_null() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What was told so far, and what went wrong on the way to DynamoDB meanwhile.
#[derive(Default)]
struct Told {
    histories: u64,
    steps: u64,
    refused: u64,
    long_bulks: u64,
    changes_of_several: u64,
    fired: Vec<Fired>,
    wrong: Value,
}

impl Told {
    fn line(&self) -> Value {
        let sum = |of: fn(&Fired) -> u64| self.fired.iter().map(of).sum::<u64>();
        json!({
            "histories": self.histories,
            "steps": self.steps,
            "refused": self.refused,
            "long_bulks": self.long_bulks,
            "changes_of_several": self.changes_of_several,
            "fired": {
                "unprocessed_reads": sum(|fired| fired.unprocessed_reads),
                "unprocessed_writes": sum(|fired| fired.unprocessed_writes),
                "throttled": sum(|fired| fired.throttled),
                "conflicts": sum(|fired| fired.conflicts),
                "failed_reads": sum(|fired| fired.failed - fired.failed_writes),
                "failed_writes": sum(|fired| fired.failed_writes),
                "lost_reads": sum(|fired| fired.lost - fired.lost_writes),
                "lost_writes": sum(|fired| fired.lost_writes),
                "replayed": sum(|fired| fired.replayed),
                "empty_pages": sum(|fired| fired.empty_pages),
            },
            "wrong": self.wrong,
        })
    }
}

/// Tells one history; gives the first step that the stores disagree about.
async fn tell(seed: u64, is_flipped: bool, told: &mut Told) -> Option<Value> {
    let (clock, directory) = (ManualClock::at(START), tempfile::tempdir().unwrap());
    let shim = AwsShim::start(Moto::shared(), seed, Odds::default()).await;
    let sqlite = OpenOptions::new(directory.path().join("model.db"), Arc::new(clock.clone()));
    let dynamo = Arc::new(dynamo(&shim, &clock).await);
    shim.set(Odds::BAD_DAY);
    let cloud: Arc<dyn Store> = if is_flipped { Arc::new(flipped::Flipped(dynamo)) } else { dynamo };
    let stores: [Arc<dyn Store>; 3] =
        [Arc::new(MemoryStore::new(Arc::new(clock.clone()))), SqliteStore::open(sqlite).unwrap(), cloud];
    let mut rng = StdRng::seed_from_u64(seed);
    let mut wrong = None;
    for number in 0..STEPS {
        let step = Step::draw(&mut rng);
        let mut answers = Vec::new();
        for store in &stores {
            answers.push(step.take(&**store).await);
        }
        step.pass(&clock);
        told.steps += 1;
        told.refused += u64::from(answers[0].starts_with("Err"));
        told.long_bulks += u64::from(step.is_long_bulk());
        told.changes_of_several += u64::from(step.changes_several());
        if answers.iter().any(|answer| *answer != answers[0]) {
            wrong = Some(json!({ "seed": seed, "step": number, "what": format!("{step:?}"), "answers": answers }));
            break;
        }
    }
    told.histories += 1;
    told.fired.push(shim.fired());
    wrong
}

/// A store on a table of its own.
async fn dynamo(shim: &AwsShim, clock: &ManualClock) -> DynamoStore {
    let access_key = AccessKey { id: "test".to_owned(), secret: Secret::new("test".to_owned()), session: None };
    let region = Some("eu-west-2".to_owned());
    let aws = Aws { region, endpoint: Some(shim.url()), access_key: Some(access_key) };
    let tables: Vec<Table> = vec![TABLE];
    let prefix = format!("{}-", Uuid::new_v4().simple());
    let options = Options { prefix, tables, silence_max: SILENCE_MAX };
    let store = DynamoStore::connect(&aws, options, Arc::new(clock.clone())).await;
    store.tables_create().await.unwrap();
    store
}
