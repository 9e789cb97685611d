//! The interface between Lambda and a function, stood in for: `/2018-06-01/runtime/…` on loopback.
//!
//! It freezes the function between invocations, as Lambda does, with SIGSTOP: whatever the function
//! left to be done after an answer is not done then.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base::Clock as _;
use base::clock::SystemClock;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

/// How long a function may take to ask for its first invocation: what Lambda gives it.
const INIT_MAX: Duration = Duration::from_secs(10);

/// What the function said to an invocation.
pub(crate) type Said = Result<Value, Value>;

struct Interface {
    events: Mutex<mpsc::Receiver<(String, Duration, String)>>,
    asked: mpsc::Sender<()>,
    said: mpsc::Sender<(String, Said)>,
}

/// A function that runs, and the Lambda around it.
pub(crate) struct Function {
    child: Child,
    events: mpsc::Sender<(String, Duration, String)>,
    asked: mpsc::Receiver<()>,
    said: mpsc::Receiver<(String, Said)>,
    invocations: u32,
    /// When the process was started.
    pub(crate) began: Instant,
}

impl Function {
    /// Starts the program as Lambda would, and waits until it asks for an invocation.
    pub(crate) async fn start(mut program: Command) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (events, queued) = mpsc::channel(1);
        let (asked, ask) = mpsc::channel(1);
        let (said, say) = mpsc::channel(1);
        let interface = Arc::new(Interface { events: Mutex::new(queued), asked, said });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .with_state(interface);
        tokio::spawn(async move { axum::serve(listener, router).await });
        program.envs([
            ("AWS_LAMBDA_RUNTIME_API", at.to_string().as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "freight"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ]);
        let began = Instant::now();
        let child = program.stdout(Stdio::null()).spawn().unwrap();
        let mut function = Self { child, events, asked: ask, said: say, invocations: 0, began };
        function.asks(INIT_MAX).await;
        function
    }

    async fn asks(&mut self, within: Duration) {
        let asked = tokio::time::timeout(within, self.asked.recv()).await;
        asked.expect("the function asks for an invocation").unwrap();
    }

    /// Invokes the function and freezes it when it has answered and asks for more. `time` is what it has.
    pub(crate) async fn invoke(&mut self, event: String, time: Duration) -> Said {
        let said = self.answer(event, time).await;
        self.signal("STOP");
        said
    }

    /// The same, and the function is not frozen afterwards.
    pub(crate) async fn answer(&mut self, event: String, time: Duration) -> Said {
        self.signal("CONT");
        self.invocations += 1;
        let id = format!("8476a536-e9f4-11e8-9739-{:012}", self.invocations);
        self.events.send((id.clone(), time, event)).await.unwrap();
        let said = tokio::time::timeout(time, self.said.recv()).await;
        let (answered, said) = said.expect("an answer before the deadline").unwrap();
        assert_eq!(answered, id);
        self.asks(INIT_MAX).await;
        said
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        if self.child.kill().and_then(|()| self.child.wait()).is_err() {
            eprintln!("the function could not be ended");
        }
    }
}

async fn next(State(interface): State<Arc<Interface>>) -> Response {
    let asked = interface.asked.send(()).await.is_ok();
    let next = interface.events.lock().await.recv().await.filter(|_| asked);
    // The test is over.
    let Some((id, time, event)) = next else { return StatusCode::GONE.into_response() };
    let deadline = base::clock::add(SystemClock::new().now(), time).as_millisecond();
    let arn = "arn:aws:lambda:eu-west-2:123456789012:function:freight";
    let headers = [
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", arn.to_owned()),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0".to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    let named = |(name, value): (&str, String)| Some((name.parse().ok()?, value.parse().ok()?));
    (headers.into_iter().filter_map(named).collect::<HeaderMap>(), event).into_response()
}

async fn response(State(interface): State<Arc<Interface>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    interface.said.send((id, Ok(serde_json::from_slice(&body).unwrap()))).await.unwrap();
    StatusCode::ACCEPTED
}

async fn error(State(interface): State<Arc<Interface>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    interface.said.send((id, Err(serde_json::from_slice(&body).unwrap()))).await.unwrap();
    StatusCode::ACCEPTED
}
