//! AWS as it behaves on a bad day: moto, and a shim before it.
//!
//! moto answers what AWS answers when all is well, and is no database: it copies tables for a
//! transaction without a lock and forgets idempotency tokens. The shim is an HTTP proxy that makes
//! up for that and then for the weather. It admits one request at a time; repeats the answer of a
//! transaction whose token it has seen; answers transactions that overlap with a conflict; and
//! injects faults by seeded chance, each counted, so that a test can assert that it met them.
//!
//! Each shim draws once for each request, in the order of arrival: a seed repeats a run whose
//! requests come in one order.

mod cut;
mod dice;
mod dynamo;
mod iam;
mod logs;
mod moto;
mod sqs;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use cut::{Cut, LAG, Service};
pub use dice::{Fired, Odds};
pub use moto::Moto;

use dice::{Dice, Fate};

/// Longer than the longest poll.
const FORWARD_MAX: Duration = Duration::from_secs(30);

/// Stands before moto until it is dropped.
#[derive(Debug)]
pub struct AwsShim {
    at: SocketAddr,
    state: Arc<State>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    behind: String,
    client: reqwest::Client,
    dice: Dice,
    calls: AtomicU64,
    actions: Mutex<BTreeSet<String>>,
    denied: Mutex<Option<&'static str>>,
    dynamo: dynamo::Dynamo,
    sqs: sqs::Sqs,
    cuts: cut::Cuts,
}

/// A request of AWS's JSON protocols: `X-Amz-Target: DynamoDB_20120810.Query`.
struct Call {
    headers: HeaderMap,
    operation: String,
    body: Value,
}

/// What the caller gets: an answer, or a connection that ends without one.
enum Reply {
    Answer(StatusCode, Value),
    Hangup,
}

impl AwsShim {
    /// Starts one on a port of its own.
    ///
    /// # Panics
    /// When it cannot listen.
    pub async fn start(moto: &Moto, seed: u64, odds: Odds) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let at = listener.local_addr().expect("a listener has an address");
        let client = reqwest::Client::builder().no_proxy().timeout(FORWARD_MAX).build().expect("a client");
        let (dynamo, sqs) = (dynamo::Dynamo::default(), sqs::Sqs::default());
        let (dice, calls, cuts) = (Dice::new(seed, odds), AtomicU64::new(0), cut::Cuts::default());
        let (behind, actions, denied) = (moto.url(), Mutex::default(), Mutex::default());
        let state = Arc::new(State { behind, client, dice, calls, actions, denied, dynamo, sqs, cuts });
        let serving = tokio::spawn(serve(listener, state.clone()));
        Self { at, state, serving }
    }

    /// Where clients find it.
    pub fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    /// Changes the odds from the next request on.
    pub fn set(&self, odds: Odds) {
        self.state.dice.set(odds);
    }

    /// Cuts a service off, or restores it.
    pub fn cut(&self, service: Service, cut: Cut) {
        self.state.cuts.set(service, cut);
    }

    /// Denies an operation to everybody, as to a role that does not have it; `None` denies nothing.
    pub fn deny(&self, operation: Option<&'static str>) {
        *self.state.denied.lock().unwrap_or_else(PoisonError::into_inner) = operation;
    }

    /// How many requests have come.
    pub fn calls(&self) -> u64 {
        self.state.calls.load(Ordering::Relaxed)
    }

    /// What a role has to allow for all that was asked, such as `dynamodb:GetItem`.
    pub fn actions(&self) -> BTreeSet<String> {
        self.state.actions().clone()
    }

    /// Forgets what was asked until now: that was somebody else's role.
    pub fn actions_forget(&self) {
        self.state.actions().clear();
    }

    /// How often each fault has fired.
    pub fn fired(&self) -> Fired {
        self.state.dice.fired()
    }
}

impl Drop for AwsShim {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((socket, _)) = listener.accept().await {
        let state = state.clone();
        tokio::spawn(async move {
            let answer = service_fn(|request| answer(state.clone(), request));
            // A connection that we cut, or that the client left, ends in an error that says so.
            drop(http1::Builder::new().serve_connection(TokioIo::new(socket), answer).await);
        });
    }
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, io::Error> {
    state.calls.fetch_add(1, Ordering::Relaxed);
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let (service, operation) = target.split_once('.').unwrap_or_default();
    let call = Call {
        operation: operation.to_owned(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        headers: parts.headers.clone(),
    };
    state.actions().extend(iam::actions(service, &call));
    let service = service.to_owned();
    // A task of its own: a client that hangs up does not stop what it began.
    let reply = tokio::spawn(async move {
        match service.as_str() {
            _ if state.denies(&call.operation) => Reply::error(StatusCode::BAD_REQUEST, "AccessDeniedException"),
            "DynamoDB_20120810" if state.cuts.bars(Service::Dynamo).await => Reply::Hangup,
            "AmazonSQS" if state.cuts.bars(Service::Sqs).await => Reply::Hangup,
            // Whoever is there refuses this before it looks at anything.
            "DynamoDB_20120810" if !call.headers.contains_key(http::header::AUTHORIZATION) => {
                Reply::error(StatusCode::BAD_REQUEST, "MissingAuthenticationTokenException")
            }
            "DynamoDB_20120810" => dynamo::reply(&state, call).await,
            "AmazonSQS" => sqs::reply(&state, call).await,
            "Logs_20140328" => logs::reply(&state, call).await,
            _ => state.forward(&call).await,
        }
    });
    match reply.await.map_err(io::Error::other)? {
        Reply::Answer(status, body) => Ok(answered(status, &body)),
        Reply::Hangup => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

fn answered(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let media = http::HeaderValue::from_static("application/x-amz-json-1.0");
    response.headers_mut().insert(http::header::CONTENT_TYPE, media);
    response
}

impl State {
    /// Hands a request to moto.
    async fn forward(&self, call: &Call) -> Reply {
        let mut headers = call.headers.clone();
        headers.remove(http::header::HOST);
        headers.remove(http::header::CONTENT_LENGTH);
        let sent = self.client.post(&self.behind).headers(headers).body(call.body.to_string()).send().await;
        let answer = sent.expect("moto answers");
        let status = answer.status();
        let body = answer.bytes().await.expect("moto answers in full");
        Reply::Answer(status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    fn draw(&self) -> Fate {
        self.dice.draw()
    }

    fn actions(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.actions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn denies(&self, operation: &str) -> bool {
        *self.denied.lock().unwrap_or_else(PoisonError::into_inner) == Some(operation)
    }
}

impl Reply {
    /// An error as AWS's JSON protocols have it.
    fn error(status: StatusCode, code: &str) -> Self {
        Self::Answer(status, json!({ "__type": format!("com.amazonaws#{code}"), "message": "injected" }))
    }

    fn is_ok(&self) -> bool {
        matches!(self, Self::Answer(status, _) if status.is_success())
    }
}
