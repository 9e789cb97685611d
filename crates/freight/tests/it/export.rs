//! Log lines in CloudWatch Logs and dead letters in SQS, with boto3 as the witness: each at least once, in
//! the right stream, as the store has them, also when CloudWatch comes late.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::Clock as _;
use base::clock::SystemClock;
use freight::abroad;
use freight::compose::{Settings, compose};
use freight::config::{Config, Environment, Sources};
use serde_json::{Value, json};
use testkit::Client;
use testkit::aws::{AwsShim, Moto, Odds};
use uuid::Uuid;

use crate::server::{Server, stand_in};
use crate::{deploy, on_file};

const HEARD: &str = include_str!("export/heard.py");
const CALLS: usize = 40;

/// Where lines and letters go, all through the shim.
pub(crate) fn config(shim: &AwsShim, name: &str) -> Config {
    let journal = format!("cloudwatch://eu-west-2/{name}");
    let letters = format!("sqs://eu-west-2?prefix={name}-");
    let environment = Environment::of([
        ("AWS_ENDPOINT_URL", shim.url().as_str()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("FREIGHT_EXPORT_JOURNAL", &journal),
        ("FREIGHT_EXPORT_DEAD_LETTERS", &letters),
        ("FREIGHT_EXPORT_EVERY_S", "1"),
    ]);
    Config::load(&Sources { environment, ..Sources::default() }).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_line_and_every_letter_arrives_on_a_bad_day() {
    let (moto, name) = (Moto::shared(), Uuid::new_v4().simple().to_string());
    let odds = Odds { throttled: 0.2, failed: 0.2, lost: 0.2, ..Odds::BAD_DAY };
    let shim = AwsShim::start(moto, 41, odds).await;
    let config = config(&shim, &name);
    let letters = config.export.dead_letters.as_ref().unwrap();
    assert_eq!(abroad::outlet(&config.aws, letters).await.create().await.unwrap(), [format!("{name}-dead-letters")]);
    shim.actions_forget();
    let sandbox = stand_in().await;
    let settings = Settings { sandbox: Some(sandbox), export: config.export, aws: config.aws, ..Settings::default() };
    let server = Server::start(on_file::ground().await, settings).await;
    let admin = &server.admin;

    // About a third of the calls ask for too much, and are dead letters at once.
    let asked = json!({ "calls": CALLS, "size": { "min": 1, "max": 150 } });
    admin.with_header("prefer", "wait=30").post("/fetch-data", &asked).await.expect(200);
    let stored = stored(admin).await;
    let dead = items(admin, "/api/v1/dead-letters?limit=1000").await;
    assert!(
        dead.len() > CALLS / 5 && stored["error"].len() >= dead.len() && !stored["status"].is_empty(),
        "{stored:?}"
    );

    let (clock, mut heard) = (SystemClock::new(), Heard::default());
    while !(heard.holds(&stored) && heard.letters.len() == dead.len()) {
        assert!(clock.monotonic() < Duration::from_secs(60), "{heard:?}\n{stored:?}");
        clock.sleep(Duration::from_secs(1)).await;
        heard.add(&moto.boto3(HEARD, &[&name, &format!("{name}-dead-letters")]));
    }
    for letter in &dead {
        let id = letter["id"].as_str().unwrap();
        let mut told = heard.letters[id].clone();
        assert_eq!(told.as_object_mut().unwrap().remove("tenant_id").unwrap(), "default");
        assert_eq!(told, *letter, "the letter as it is read over HTTP");
    }
    let fired = shim.fired();
    assert!(fired.throttled > 0 && fired.failed > 0 && fired.lost > 0, "{fired:?}");
    let (asked, mut journal) = (shim.actions(), deploy::allowed("JournalPolicy"));
    assert!(journal.is_subset(&asked), "allowed {journal:?}, and asked for {asked:?}");
    // The template makes the group, which is missed here.
    journal.extend(deploy::allowed("DataPolicy").into_iter().chain(["logs:CreateLogGroup".to_owned()]));
    assert_eq!(asked.difference(&journal).next(), None, "the template does not allow it");
    server.stop().await;
}

#[tokio::test]
async fn a_queue_that_is_missing_is_told_at_the_start() {
    let shim = AwsShim::start(Moto::shared(), 42, Odds::default()).await;
    let config = config(&shim, &Uuid::new_v4().simple().to_string());
    let (ground, _directory) = on_file::ground().await;
    let settings = Settings { export: config.export, aws: config.aws, ..Settings::default() };
    let refused = compose(&ground, settings).await.err().unwrap();
    let told = "export.dead_letters: `freight tables create` makes the missing ";
    assert!(refused.to_string().starts_with(told), "{refused:?}");
}

async fn items(admin: &Client, path: &str) -> Vec<Value> {
    let page = admin.get(path).await.expect(200).json();
    assert_eq!(page["has_more"], false, "the test looks at one page");
    page["items"].as_array().unwrap().clone()
}

/// What the journal holds: by stream the ids and messages of its lines.
async fn stored(admin: &Client) -> BTreeMap<String, BTreeSet<(String, String)>> {
    let mut stored: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for line in items(admin, "/api/v1/journal?limit=1000").await {
        stored.entry(line["stream"].as_str().unwrap().to_owned()).or_default().insert(told(&line));
    }
    stored
}

fn told(line: &Value) -> (String, String) {
    (line["id"].as_str().unwrap().to_owned(), line["message"].to_string())
}

/// What the witness has seen so far.
#[derive(Debug, Default)]
struct Heard {
    lines: BTreeMap<String, BTreeSet<(String, String)>>,
    letters: BTreeMap<String, Value>,
}

impl Heard {
    fn add(&mut self, seen: &str) {
        for line in seen.lines() {
            let mut parts = line.splitn(3, ' ');
            let (stream, at, text) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(value["tenant_id"], "default");
            if stream == "dead-letter" {
                self.letters.insert(value["id"].as_str().unwrap().to_owned(), value);
                continue;
            }
            let instant: jiff::Timestamp = value["at"].as_str().unwrap().parse().unwrap();
            assert_eq!(
                (value["stream"].as_str().unwrap(), instant.as_millisecond().to_string().as_str()),
                (stream, at)
            );
            self.lines.entry(stream.to_owned()).or_default().insert(told(&value));
        }
    }

    fn holds(&self, stored: &BTreeMap<String, BTreeSet<(String, String)>>) -> bool {
        self.lines == *stored
    }
}
