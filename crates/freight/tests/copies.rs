//! Several processes on shared backends: two that serve the API, one that runs the work.
//!
//! DynamoDB and SQS are moto behind the shim on its bad day; Redis is a server of the test's own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends by panicking")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use testkit::aws::{AwsShim, Moto, Odds};
use testkit::{Client, Redis};
use tokio::net::TcpListener;

/// Whose variables each process gets: nothing but configuration tells them where they are.
struct Backends {
    shim: AwsShim,
    redis: Redis,
    sandbox: String,
}

impl Backends {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sandbox = listener.local_addr().unwrap().to_string();
        tokio::spawn(sandbox::serve(listener, sandbox::Config::default(), std::future::pending()));
        Self { shim: AwsShim::start(Moto::shared(), 31, Odds::default()).await, redis: Redis::start(), sandbox }
    }

    fn freight(&self, directory: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_freight"));
        command.args(arguments).current_dir(directory).env_clear().stdin(Stdio::null()).envs([
            ("FREIGHT_SERVER_LISTEN", "127.0.0.1:0"),
            ("FREIGHT_LOG_FILTER", "warn"),
            ("FREIGHT_SANDBOX_AT", &self.sandbox),
            ("FREIGHT_STORE_URI", "dynamodb://eu-west-2?prefix=copies-"),
            ("FREIGHT_QUEUE_URI", "sqs://eu-west-2?prefix=copies-"),
            ("FREIGHT_STORE_SILENCE_MAX_MS", "20000"),
            ("REDIS_URL", &self.redis.url()),
            ("AWS_ENDPOINT_URL", &self.shim.url()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ]);
        command
    }

    fn run(&self, directory: &Path, arguments: &[&str]) -> (i32, String) {
        let output = self.freight(directory, arguments).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }
}

/// One process, ready; killed when it is dropped before it was stopped.
struct Process(Child);

impl Process {
    fn start(backends: &Backends, directory: &Path, arguments: &[&str]) -> (Self, String) {
        let mut child = backends.freight(directory, arguments).stderr(Stdio::piped()).spawn().unwrap();
        let mut heard = String::new();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        while !heard.contains("listening on ") && !heard.contains("runs tasks") {
            assert!(lines.read_line(&mut heard).unwrap() > 0, "it ended at start: {heard}");
        }
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let url = heard.rsplit("listening on ").next().unwrap().trim().to_owned();
        (Self(child), url)
    }

    fn stop(mut self) {
        let told = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap();
        assert!(told.success());
        assert_eq!(self.0.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.0.kill().and_then(|()| self.0.wait()).is_err() {
            eprintln!("a process could not be ended");
        }
    }
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
    let (backends, directory) = (Backends::start().await, tempfile::tempdir().unwrap());
    let (path, tables) =
        (directory.path(), ["plan", "check", "create", "check"].map(|verb| ["--json", "tables", verb]));
    let [plan, before, made, after] = tables.map(|arguments| backends.run(path, &arguments));
    assert_eq!([plan.0, before.0, made.0, after.0], [0, 1, 0, 0], "{} {}", made.1, after.1);
    let count = |text: &str| serde_json::from_str::<Value>(text).unwrap()["items"].as_array().unwrap().len();
    assert!(count(&plan.1) > 10 && count(&plan.1) == count(&made.1));
    backends.shim.set(Odds::BAD_DAY);

    let (one, url) = Process::start(&backends, path, &["api", "--sandbox"]);
    let (other, other_url) = Process::start(&backends, path, &["api"]);
    let (worker, _) = Process::start(&backends, path, &["worker", "--sandbox"]);
    let kept = std::fs::read_to_string(path.join("freight.env")).unwrap();
    let key =
        kept.lines().find_map(|line| line.strip_prefix("export FREIGHT_API_KEY='")).unwrap().trim_end_matches('\'');
    let [first, second] = [&url, &other_url].map(|url| Client::at(url.as_str()).with_key(key));

    let told = fetched(&first).await;
    assert_eq!((&told["users"], &told["api_calls"]), (&200.into(), &20.into()), "{told}");
    assert_eq!(second.get("/status").await.expect(200).json(), told);
    second.get("/readyz").await.expect(200);

    worker.stop();
    other.stop();
    one.stop();
    let fired = backends.shim.fired();
    assert!(fired.throttled > 0 && fired.conflicts > 0 && fired.failed > 0 && fired.lost > 0, "{fired:?}");
}
