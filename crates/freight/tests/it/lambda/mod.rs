//! The program as a function of AWS Lambda: the real binary, the public runtime interface, documents as AWS
//! writes them, DynamoDB and SQS behind the shim.
//!
//! The documents beside this file have the shapes that AWS documents for each kind of event; `API_KEY`
//! and `BODY` in them are filled in here.

mod aws;
mod runtime;

use std::process::{Command, Stdio};
use std::time::Duration;

use aws::Backends;
use base::Clock as _;
use base::clock::SystemClock;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runtime::Function;
use serde_json::{Value, json};

const REST: &str = include_str!("rest.json");
const HTTP: &str = include_str!("http.json");
const FUNCTION_URL: &str = include_str!("function-url.json");
const BALANCER: &str = include_str!("balancer.json");
const SCHEDULE: &str = include_str!("schedule.json");

const TIME: Duration = Duration::from_secs(30);

/// A function, and whoever calls it by HTTP.
struct Caller {
    function: Function,
    key: String,
}

impl Caller {
    /// Hands on a document of an HTTP request, and returns the answer's.
    async fn call(&mut self, event: &str) -> Value {
        self.function.invoke(event.replace("API_KEY", &self.key), TIME).await.unwrap()
    }

    /// A request through an HTTP API.
    async fn ask(&mut self, method: &str, path: &str) -> (u64, Value) {
        self.send(method, path, None).await
    }

    async fn send(&mut self, method: &str, path: &str, json: Option<Value>) -> (u64, Value) {
        body(&self.call(&event(method, path, json)).await)
    }
}

/// The document of a request through an HTTP API.
fn event(method: &str, path: &str, json: Option<Value>) -> String {
    let mut event: Value = serde_json::from_str(HTTP).unwrap();
    event["rawPath"] = json!(format!("/live{path}"));
    event["rawQueryString"] = json!("");
    event["requestContext"]["http"]["method"] = json!(method);
    if let Some(json) = json {
        event["headers"]["content-type"] = json!("application/json");
        event["body"] = json!(json.to_string());
    }
    event.to_string()
}

fn body(answer: &Value) -> (u64, Value) {
    let status = answer["statusCode"].as_u64().unwrap();
    (status, serde_json::from_str(answer["body"].as_str().unwrap()).unwrap_or_else(|_| panic!("{answer}")))
}

async fn started(seed: u64) -> (Backends, Caller) {
    let backends = Backends::start(seed).await;
    let key = backends.prepare();
    let function = Function::start(backends.freight(&["lambda"])).await;
    let mut caller = Caller { function, key };
    caller.ask("GET", "/livez").await;
    println!("from the start of the process to its first answer: {} ms", caller.function.began.elapsed().as_millis());
    (backends, caller)
}

/// Makes the dataset that the documents speak of.
async fn dataset(caller: &mut Caller) {
    let mut event: Value = serde_json::from_str(REST).unwrap();
    event["path"] = json!("/api/v1/datasets");
    event["requestContext"]["path"] = json!("/live/api/v1/datasets");
    event["multiValueQueryStringParameters"] = Value::Null;
    event["queryStringParameters"] = Value::Null;
    event["multiValueHeaders"]["Content-Type"] = json!(["application/json"]);
    event["body"] = json!(json!({ "name": "airports", "key": "faa" }).to_string());
    let answer = caller.call(&event.to_string()).await;
    assert_eq!(answer["statusCode"], 201, "{answer}");
    assert_eq!(answer["multiValueHeaders"]["location"], json!(["/api/v1/datasets/airports"]), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_request_is_answered_in_its_own_form() {
    let (_backends, mut caller) = started(51).await;
    dataset(&mut caller).await;

    // A REST API: its decoded query, and a body with quotes.
    let (status, report) = body(&caller.call(REST).await);
    assert_eq!((status, &report["saved"]), (207, &json!(2)), "{report}");
    // A function URL: a packed body in base64.
    let (status, report) = body(&caller.call(FUNCTION_URL).await);
    assert_eq!((status, &report["saved"]), (207, &json!(2)), "{report}");

    // An HTTP API: the stage is no part of the path, the query is as it was sent.
    let answer = caller.call(HTTP).await;
    let (status, list) = body(&answer);
    assert_eq!(status, 200, "{answer}");
    let records: Vec<&Value> = list["items"].as_array().unwrap().iter().collect();
    assert_eq!(records.len(), 1, "{list}");
    assert!(list.to_string().contains("41.1304722"), "a number keeps its spelling: {list}");
    assert_eq!(answer["headers"]["content-type"], "application/json");
    assert!(answer["headers"]["x-request-id"].is_string() && answer["multiValueHeaders"].is_null());

    // A load balancer: a body that is no text.
    let answer = caller.call(BALANCER).await;
    assert_eq!((&answer["statusCode"], &answer["statusDescription"]), (&json!(200), &json!("200 OK")), "{answer}");
    assert_eq!(answer["isBase64Encoded"], true);
    let picture = STANDARD.decode(answer["body"].as_str().unwrap()).unwrap();
    assert!(picture.starts_with(b"\x89PNG"), "{:?}", &picture[..8]);
    let mut several: Value = serde_json::from_str(BALANCER).unwrap();
    several["multiValueHeaders"] = json!({ "host": ["api.example.com"], "x-api-key": [caller.key] });
    several.as_object_mut().unwrap().remove("headers");
    several["path"] = json!("/health");
    let answer = caller.call(&several.to_string()).await;
    assert_eq!(answer["multiValueHeaders"]["content-type"], json!(["application/json"]), "{answer}");
    assert_eq!(body(&answer).1["status"], "healthy", "{answer}");

    // What fails is a problem like anywhere.
    let (status, problem) = caller.ask("GET", "/api/v1/nothing").await;
    assert_eq!((status, &problem["error"]), (404, &json!("not_found")));
    let (status, problem) = caller.ask("GE T", "/livez").await;
    assert_eq!((status, &problem["error"]), (400, &json!("validation_error")), "what is no request: {problem}");
    caller.key = "nobody".to_owned();
    assert_eq!(caller.ask("GET", "/api/v1/me").await.0, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_comes_to_its_end_by_deliveries_and_one_that_was_not_done_is_named() {
    let (backends, mut caller) = started(52).await;
    dataset(&mut caller).await;
    caller.call(REST).await;
    let (status, job) = caller.ask("DELETE", "/api/v1/datasets/airports").await;
    assert_eq!(status, 202, "{job}");
    let job = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());

    let first = backends.deliver("normal").await;
    let event = first.event(&["no ring of ours"]);
    // Without time nothing is begun: the ring is named, and what is no ring is not wanted again.
    let said = caller.function.invoke(event.clone(), Duration::from_secs(4)).await.unwrap();
    assert_eq!(said, json!({ "batchItemFailures": [{ "itemIdentifier": first.ids()[0] }] }));
    let said = caller.function.invoke(event, TIME).await.unwrap();
    assert_eq!(said, json!({ "batchItemFailures": [] }));
    first.done(&backends).await;

    let mut deliveries = 0;
    while caller.ask("GET", &job).await.1["status"] != "completed" {
        deliveries += 1;
        assert!(deliveries < 20, "nobody rings for the rest of the job");
        for topic in ["high", "normal", "low"] {
            let delivery = backends.deliver(topic).await;
            if delivery.ids().is_empty() {
                continue;
            }
            let said = caller.function.invoke(delivery.event(&[]), TIME).await.unwrap();
            assert_eq!(said, json!({ "batchItemFailures": [] }));
            delivery.done(&backends).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ticks_find_what_no_delivery_told_of() {
    let (_backends, mut caller) = started(53).await;
    dataset(&mut caller).await;
    let (status, job) = caller.ask("DELETE", "/api/v1/datasets/airports").await;
    assert_eq!(status, 202, "{job}");
    let job = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    for _ in 0..10 {
        let said = caller.function.invoke(SCHEDULE.to_owned(), TIME).await.unwrap();
        assert!(said["more"].is_boolean(), "{said}");
        if caller.ask("GET", &job).await.1["status"] == "completed" {
            return;
        }
        // A planner that waits for its batches looks by itself after five seconds.
        SystemClock::new().sleep(Duration::from_secs(2)).await;
    }
    panic!("ten ticks did not bring the job to its end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_runs_on_after_an_answer() {
    let (backends, mut caller) = started(54).await;
    let device = json!({ "name": "device", "scopes": ["source:write"] });
    let (status, device) = caller.send("POST", "/api/v1/keys", Some(device)).await;
    assert_eq!(status, 201, "{device}");
    let revoked = event("DELETE", &format!("/api/v1/keys/{}", device["id"].as_str().unwrap()), None);
    assert_eq!(caller.call(&revoked).await["statusCode"], 204);

    // A write whose event is kept beside the request; and a refusal that is counted beside it.
    let write = event("POST", "/source/write_raw", Some(json!({ "data": { "temp": 21.5 } })));
    for (key, status) in [(caller.key.as_str(), 200), (device["key"].as_str().unwrap(), 401)] {
        let event = write.replace("API_KEY", key);
        let answer = caller.function.answer(event, TIME).await.unwrap();
        assert_eq!(answer["statusCode"], status, "{answer}");
        let answered = backends.shim.calls();
        // Longer than anything is gathered.
        SystemClock::new().sleep(Duration::from_secs(6)).await;
        assert_eq!(backends.shim.calls(), answered, "something was asked of AWS after the answer");
    }
    let (status, events) = caller.ask("GET", "/source/events").await;
    assert_eq!(status, 200);
    assert!(events.to_string().contains("write"), "the event of the write is kept: {events}");
    let (_, audit) = caller.ask("GET", "/api/v1/audit").await;
    let denied = audit["items"].as_array().unwrap().iter().find(|item| item["type"] == "denials");
    assert_eq!(denied.unwrap()["count"], 1, "the refusal is counted: {audit}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_of_no_known_shape_fails_alone() {
    let (_backends, mut caller) = started(55).await;
    let said = caller.function.invoke(json!({ "hello": "world" }).to_string(), TIME).await.unwrap_err();
    assert!(said["errorMessage"].as_str().unwrap().starts_with("no event that is known"), "{said}");
    assert_eq!(caller.ask("GET", "/livez").await.0, 200);
}

#[test]
fn it_refuses_what_belongs_to_one_process_and_a_start_by_hand() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |variables: &[(&str, &str)]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_freight"));
        program.arg("lambda").current_dir(directory.path()).env_clear().envs(variables.iter().copied());
        let output = program.stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let words = refused(&[]);
    assert!(words.contains("`freight lambda` is one of several processes") && words.contains("sqlite:"), "{words}");
    let words = refused(&[("FREIGHT_STORE_URI", "dynamodb:"), ("FREIGHT_QUEUE_URI", "sqs:")]);
    assert!(words.contains("AWS_LAMBDA_RUNTIME_API"), "{words}");
    assert!(std::fs::read_dir(directory.path()).unwrap().next().is_none(), "something was made");
}
