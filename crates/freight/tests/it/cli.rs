//! The program as a person runs it: the real binary, in an empty directory, on free ports.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::Client;

/// The program in a directory, with nothing of our own environment that it would heed.
fn freight(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_freight"));
    command.args(arguments).current_dir(directory).env_clear().stdin(Stdio::null());
    command
        .env("FREIGHT_SERVER_LISTEN", "127.0.0.1:0")
        .env("FREIGHT_SANDBOX_LISTEN", "127.0.0.1:0")
        .env("FREIGHT_LOG_FILTER", "warn");
    command
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    freight(directory, arguments).output().unwrap()
}

#[track_caller]
fn ok(directory: &Path, arguments: &[&str]) -> String {
    let output = run(directory, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[track_caller]
fn fails(directory: &Path, arguments: &[&str], code: i32) -> String {
    let output = run(directory, arguments);
    let words = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {words}");
    words
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `freight serve --sandbox`, ready; killed when it is dropped before it was stopped.
struct Server {
    child: Child,
    directory: Option<TempDir>,
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.kill().and_then(|()| self.child.wait()).is_err() {
            eprintln!("the server could not be ended");
        }
    }
}

/// Starts a program that serves, and returns what it said until it listened.
fn listening(mut command: Command) -> (Child, String) {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut heard = String::new();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    while !heard.contains("listening") {
        assert!(lines.read_line(&mut heard).unwrap() > 0, "it ended at start: {heard}");
    }
    // Whatever else it says may not fill the pipe.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    (child, heard)
}

impl Server {
    fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap())
    }

    fn start_in(directory: TempDir) -> Self {
        Self::start_with(directory, &[])
    }

    fn start_with(directory: TempDir, environment: &[(&str, &str)]) -> Self {
        let mut command = freight(directory.path(), &["serve", "--sandbox"]);
        command.envs(environment.iter().copied());
        let (child, _) = listening(command);
        Self { child, directory: Some(directory) }
    }

    /// Ends it as it stands, and hands back what it leaves.
    fn kill(mut self) -> TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.directory.take().unwrap()
    }

    fn path(&self) -> &Path {
        self.directory.as_ref().unwrap().path()
    }

    fn url(&self) -> String {
        let url = std::fs::read_to_string(self.path().join("freight.env")).unwrap();
        url.lines().next().unwrap().split('\'').nth(1).unwrap().to_owned()
    }

    /// Tells it to stop, and hands back what it leaves.
    fn stop(mut self) -> TempDir {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        self.directory.take().unwrap()
    }
}

#[test]
fn wrong_usage_and_wrong_configuration_are_told_before_anything_is_tried() {
    let directory = tempfile::tempdir().unwrap();
    fails(directory.path(), &["sail"], 2);
    fails(directory.path(), &["jobs", "list", "--limit", "0"], 2);
    let words = fails(directory.path(), &["serve", "--set", "server.grace_s=x", "--set", "log.formt=json"], 2);
    assert!(words.contains("server.grace_s") && words.contains("did you mean log.format?"), "{words}");
    for role in ["api", "worker"] {
        assert!(fails(directory.path(), &[role], 2).contains("belongs to one process"));
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing was made");
    assert!(ok(directory.path(), &["config"]).contains("[server]"));
}

#[test]
fn what_goes_wrong_with_a_call_is_told_by_the_exit_code() {
    let nowhere = tempfile::tempdir().unwrap();
    fails(nowhere.path(), &["--url", "http://127.0.0.1:1", "jobs", "list"], 3);
    let server = Server::start();
    fails(server.path(), &["jobs", "show", "nothing"], 5);
    fails(server.path(), &["datasets", "fetch", "users", "--calls", "0"], 1);
    fails(nowhere.path(), &["--url", &server.url(), "jobs", "list"], 4);
    fails(server.path(), &["restore", "copy.db"], 1);
    server.stop();
}

#[test]
fn a_first_start_a_file_in_and_out_and_a_backup_put_back() {
    let server = Server::start();
    let mode = std::fs::metadata(server.path().join("freight.env")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let rows = "{\"id\":\"a\",\"n\":12345678901234567890123456789012345678}\n{\"id\":\"b\",\"n\":1.10}\n";
    std::fs::write(server.path().join("rows.ndjson"), rows).unwrap();
    ok(server.path(), &["datasets", "import", "rows", "rows.ndjson", "--key", "id"]);
    assert_eq!(ok(server.path(), &["datasets", "export", "rows"]), rows, "every digit is kept");
    let shown: Value = serde_json::from_str(&ok(server.path(), &["--json", "datasets", "show", "rows"])).unwrap();
    assert_eq!(shown["count"], 2);

    ok(server.path(), &["backup", "copy.db"]);
    let left = std::fs::read_dir(server.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("-backup-"));
    assert_eq!(left.count(), 0, "the server keeps no copy of its own");
    ok(server.path(), &["check"]);
    ok(server.path(), &["doctor"]);
    std::fs::write(server.path().join("rows.ndjson"), "{\"id\":\"c\"}\nnonsense\n").unwrap();
    fails(server.path(), &["datasets", "import", "rows", "rows.ndjson"], 1);
    assert_eq!(ok(server.path(), &["datasets", "export", "rows"]).lines().count(), 3, "the good row was kept");

    let directory = server.stop();
    fails(directory.path(), &["restore", "copy.db"], 1);
    ok(directory.path(), &["restore", "copy.db", "--replace"]);
    ok(directory.path(), &["check"]);
    let server = Server::start_in(directory);
    assert_eq!(ok(server.path(), &["datasets", "export", "rows"]), rows, "as it was when it was copied");
    server.stop();
}

#[test]
fn a_failed_call_is_watched_listed_and_redriven() {
    let server = Server::start();
    ok(server.path(), &["datasets", "fetch", "users", "--calls", "2", "--size", "250", "--watch"]);
    let letters = || -> Value {
        let list = ok(server.path(), &["--json", "dead-letters", "list"]);
        serde_json::from_str::<Value>(&list).unwrap()["items"].clone()
    };
    let dead = letters();
    assert_eq!(dead.as_array().unwrap().len(), 2);
    ok(server.path(), &["dead-letters", "show", dead[0]["id"].as_str().unwrap()]);
    ok(server.path(), &["dead-letters", "drop", dead[0]["id"].as_str().unwrap()]);
    assert_eq!(letters().as_array().unwrap().len(), 1);
    let job = dead[1]["job_id"].as_str().unwrap();
    ok(server.path(), &["dead-letters", "redrive", "--all"]);
    ok(server.path(), &["jobs", "watch", job]);
    assert_eq!(letters().as_array().unwrap().len(), 1, "it failed again, for the same reason");
    assert!(ok(server.path(), &["jobs", "logs", job]).contains("An unexpected error occurred when fetching users."));
    server.stop();
}

/// Ends a process when the test does.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        if self.0.kill().and_then(|()| self.0.wait()).is_err() {
            eprintln!("a process could not be ended");
        }
    }
}

#[test]
fn a_job_is_watched_through_a_restart_without_a_gap_or_a_repeat() {
    // An address that is free now and was just free, so that the watch finds the server again.
    let at = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let directory = tempfile::tempdir().unwrap();
    let (stand_in, heard) = listening(freight(directory.path(), &["sandbox", "--latency-ms", "300"]));
    let _stand_in = Ends(stand_in);
    let (_, users_at) = heard.trim().rsplit_once("http://").unwrap();
    let environment = [("FREIGHT_SERVER_LISTEN", at.as_str()), ("FREIGHT_SANDBOX_AT", users_at)];
    let server = Server::start_with(directory, &environment);
    let run = ok(server.path(), &["--json", "datasets", "fetch", "users", "--calls", "500", "--size", "1-150"]);
    let job = serde_json::from_str::<Value>(&run).unwrap()["id"].as_str().unwrap().to_owned();

    let mut watch = Ends(freight(server.path(), &["jobs", "watch", &job]).stderr(Stdio::piped()).spawn().unwrap());
    let mut said = BufReader::new(watch.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut seen: Vec<String> = said.by_ref().take(4).collect();
    let shown = ok(server.path(), &["--json", "jobs", "show", &job]);
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap()["status"], "running");
    let server = Server::start_with(server.kill(), &environment);
    seen.extend(said);
    assert_eq!(watch.0.wait().unwrap().code(), Some(0), "{seen:?}");

    let logs = ok(server.path(), &["--json", "jobs", "logs", &job, "--limit", "1000"]);
    let lines = serde_json::from_str::<Value>(&logs).unwrap()["items"].clone();
    let word = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let shown = |line: &Value| format!("{:6} {}", word(line, "stream"), word(line, "message"));
    let logged: Vec<String> = lines.as_array().unwrap().iter().map(shown).collect();
    assert!(logged.len() > 20, "{logged:?}");
    assert_eq!(seen, logged);
    server.stop();
}

#[test]
fn lost_keys_are_replaced_by_whoever_holds_the_store() {
    let directory = tempfile::tempdir().unwrap();
    assert!(fails(directory.path(), &["keys", "create", "--offline"], 1).contains("no store"));
    let server = Server::start_in(directory);
    assert!(fails(server.path(), &["keys", "create", "--offline"], 1).contains("in use"));
    let directory = server.stop();
    let made: Value = serde_json::from_str(&ok(directory.path(), &["--json", "keys", "create", "--offline"])).unwrap();
    std::fs::remove_file(directory.path().join("freight.env")).unwrap();
    let server = Server::start_in(directory);
    assert!(!server.path().join("freight.env").exists(), "only a first start makes a key");
    assert!(made["key"].as_str().unwrap().starts_with("frt_live_"));
    server.stop();
}

/// Import requests as a server saw them: which row is first, and the body.
type Seen = Arc<Mutex<Vec<(String, String)>>>;

async fn import(
    State(seen): State<Seen>,
    Query(query): Query<Vec<(String, String)>>,
    body: String,
) -> (StatusCode, axum::Json<Value>) {
    let mut seen = seen.lock().unwrap();
    let first_row = query.into_iter().find(|(name, _)| name == "first_row").unwrap().1;
    let rows = body.lines().count() - 1;
    seen.push((first_row, body));
    match seen.len() {
        3 => (StatusCode::CONFLICT, axum::Json(json!({ "message": "not now" }))),
        _ => (StatusCode::MULTI_STATUS, axum::Json(json!({ "received": rows, "saved": rows, "failed": 0 }))),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_import_goes_on_where_it_was() {
    let seen = Seen::default();
    let app = Router::new().route("/api/v1/datasets/rows/import", post(import)).with_state(seen.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let directory = tempfile::tempdir().unwrap();
    let rows: Vec<String> = (0..100).map(|row| format!("{row},\"text of {row}\n\"")).collect();
    std::fs::write(directory.path().join("rows.csv"), format!("id,text\n{}", rows.join("\n"))).unwrap();
    let arguments = ["--url", &url, "--json", "datasets", "import", "rows", "rows.csv", "--piece-bytes", "500"];
    let path = directory.path().to_owned();
    let (words, sum) = tokio::task::block_in_place(|| {
        let words = fails(&path, &arguments, 1);
        assert!(path.join("rows.csv.freight-import").exists());
        (words, ok(&path, &arguments))
    });
    assert!(words.contains("not now"), "{words}");
    assert!(!path.join("rows.csv.freight-import").exists());
    let seen = seen.lock().unwrap();
    assert_eq!(seen[2], seen[3], "what was refused is what is sent next");
    let bodies = seen.iter().enumerate().filter(|(request, _)| *request != 2);
    let sent: String = bodies.map(|(_, (_, body))| body.strip_prefix("id,text\n").unwrap()).collect();
    assert_eq!(sent, rows.join("\n"));
    let sum: Value = serde_json::from_str(&sum).unwrap();
    assert_eq!(sum["saved"].as_u64().unwrap() as usize, sent.lines().count(), "the sum of both runs");
}

#[test]
fn measurements_go_in_and_windows_come_out() {
    let server = Server::start();
    let written = ok(server.path(), &["source", "write", r#"{"temp": 21.50}"#, "--name", "roof"]);
    assert!(written.contains("default/roof"), "{written}");
    assert!(ok(server.path(), &["source", "expose", "latest", "--name", "roof"]).contains("temp=21.5"));
    let exact = ok(server.path(), &["--json", "source", "expose", "latest", "--name", "roof"]);
    assert!(exact.contains(r#""data":{"temp": 21.50}"#), "{exact}");
    fails(server.path(), &["source", "expose", "newest"], 1);
    fails(server.path(), &["source", "expose", "latest", "--name", "nobody"], 5);
    fails(server.path(), &["source", "write", "21.5"], 2);

    let rows = (0..48).map(|n| format!("2013/03/{:02} {:02}:30,{},{}\n", 9 + n / 24, n % 24, n, ["A", "B"][n % 2]));
    std::fs::write(server.path().join("rows.csv"), format!("at,temp,place\n{}", rows.collect::<String>())).unwrap();
    let import = ["source", "import", "yard", "rows.csv", "--time", "at", "--time-format", "%Y/%m/%d %H:%M"];
    let import = [&import[..], &["--tz", "America/New_York", "--series", "place"]].concat();
    for _ in 0..2 {
        let report: Value = serde_json::from_str(&ok(server.path(), &[&["--json"], &import[..]].concat())).unwrap();
        assert_eq!((&report["saved"], &report["failed"]), (&json!(48), &json!(0)));
    }
    std::fs::write(server.path().join("exact.csv"), "v,w\n12345678901234567890123,1.10\n").unwrap();
    ok(server.path(), &["source", "import", "exact", "exact.csv"]);
    let exact = ok(server.path(), &["--json", "source", "expose", "latest", "--name", "exact"]);
    assert!(exact.contains(r#""data":{"v":12345678901234567890123,"w":1.10}"#), "{exact}");
    let listed = ok(server.path(), &["source", "list"]);
    assert!(listed.contains("yard A") && listed.contains("yard B"), "{listed}");
    // The clocks go forward at two on the tenth: 2:30 is taken as 3:30.
    let window = ["source", "window", "yard A", "--from", "2013-03-09T05:00:00Z", "--to", "2013-03-11T04:00:00Z"];
    let window = [&window[..], &["--step", "1d", "--tz", "America/New_York"]].concat();
    let table = ok(server.path(), &[&window[..], &["--stats", "n,mean"]].concat());
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["FROM", "RECORDS", "READING", "N", "MEAN"]);
    assert_eq!(rows[1][1..], ["12", "temp", "12", "11.0"]);
    assert_eq!(rows[2][..], ["2013-03-10T05:00:00.000000Z", "12", "temp", "12", "35.0"]);
    let plot = ok(server.path(), &[&window[..], &["--plot"]].concat());
    assert!(plot.contains("temp\n") && plot.contains('█') && plot.contains("35.0000"), "{plot}");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn carts_are_filled_combined_and_taken_away() {
    let switched_on = [("FREIGHT_CARTS_ANONYMOUS_SESSIONS", "true")];
    let server = Server::start_with(tempfile::tempdir().unwrap(), &switched_on);
    let rows: String = (0..30).map(|n| format!("{{\"id\":{n},\"even\":{}}}\n", n % 2 == 0)).collect();
    std::fs::write(server.path().join("rows.ndjson"), rows).unwrap();
    ok(server.path(), &["datasets", "import", "rows", "rows.ndjson", "--key", "id"]);
    let json = |arguments: &[&str]| -> Value {
        serde_json::from_str(&ok(server.path(), &[&["--json", "carts"], arguments].concat())).unwrap()
    };
    let even = r#"{"even": {"is": [true]}}"#;
    assert_eq!(json(&["query", "default", "rows", even, "--dry-run"])["items_found"], 15);
    let job = json(&["query", "default", "rows", even]);
    assert_eq!((&job["status"], &job["items_added"]), (&json!("completed"), &json!(15)));
    let other = json(&["create", "other"])["id"].as_str().unwrap().to_owned();
    let item = json(&["add", &other, "rows", "7", "--attributes", r#"{"odd": true}"#]);
    assert_eq!(item["attributes"], json!({ "odd": true }));
    ok(server.path(), &["carts", "add", &other, "rows", "8"]);
    fails(server.path(), &["carts", "add", &other, "rows", "9", "--attributes", "1"], 2);
    let job = json(&["combine", "default", "union", &other]);
    assert_eq!((&job["items_added"], &job["items_present"]), (&json!(1), &json!(15)));
    let shown = json(&["show"]);
    assert_eq!((&shown["items_count"], &shown["entity_types"]), (&json!(16), &json!({ "rows": 16 })));
    let items = json(&["items", "default", "--limit", "1000"])["items"].clone();
    assert_eq!(items.as_array().map(Vec::len), Some(16));
    let removed = json(&["remove", "default", item["id"].as_str().unwrap()]);
    assert_eq!(removed["entity_id"], "7");
    fails(server.path(), &["carts", "remove", "default", item["id"].as_str().unwrap()], 1);
    ok(server.path(), &["carts", "export", "default", "--format", "csv", "--output", "cart.csv"]);
    let exported = std::fs::read_to_string(server.path().join("cart.csv")).unwrap();
    assert!(exported.starts_with("entity_type,entity_id,entity_version,attributes\n"), "{exported}");
    assert_eq!(exported.lines().count(), 1 + 15);
    let listed = ok(server.path(), &["carts", "list"]);
    assert!(listed.contains("ITEMS") && listed.contains("other"), "{listed}");
    fails(server.path(), &["carts", "query", "default", "nothing"], 1);
    fails(server.path(), &["carts", "show", "6b801de6-11d4-46c0-aed1-ca2110aa7d3c"], 5);
    assert_eq!(json(&["delete", &other])["cart_name"], "other");

    // Who has no key has a cart of the session's own.
    let nobody = Client::at(server.url()).with_header("authorization", "Bearer 261e1aea-82c9-4e38-a879-e2e02ef236a5");
    assert_eq!(nobody.get("/resources/carts/default").await.expect(200).json()["items"], json!([]));
    nobody.get(&format!("/resources/carts/{other}")).await.expect(404);
    server.stop();
}
