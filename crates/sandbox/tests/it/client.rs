//! A sandbox on a free port with a clock that the test owns, and a client that hides nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base::clock::ManualClock;
use bytes::Bytes;
use futures::FutureExt;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use sandbox::{Behaviour, Config, Error, Sandbox};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) clock: ManualClock,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), Error>>,
}

/// What came back; `whole` is false when the body ended before it was complete.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) whole: bool,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Server {
    pub(crate) async fn start(config: Config) -> Self {
        let clock = ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap());
        let sandbox = Sandbox::open(config, Arc::new(clock.clone())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = stopped.map(|_| ());
        let task = tokio::spawn(async move { sandbox.serve(listener, stopped).await });
        Self { address, clock, stop, task }
    }

    pub(crate) async fn behaving(behaviour: Behaviour) -> Self {
        Self::start(Config { behaviour, ..Config::default() }).await
    }

    pub(crate) async fn seeded(seed: u64) -> Self {
        Self::behaving(Behaviour { seed, ..Behaviour::default() }).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: String) -> hyper::Result<Reply> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string())
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let (head, mut body) = sender.send_request(request).await?.into_parts();
        let (mut bytes, mut whole) = (Vec::new(), true);
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => bytes.extend_from_slice(frame.data_ref().unwrap()),
                Err(_) => whole = false,
            }
        }
        connection.abort();
        Ok(Reply { status: head.status.as_u16(), headers: head.headers, body: bytes, whole })
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, String::new()).await.unwrap()
    }

    pub(crate) async fn users(&self, size: impl std::fmt::Display) -> Reply {
        self.get(&format!("/api/v2/users?size={size}&response_type=json")).await
    }

    pub(crate) async fn put_config(&self, behaviour: &Value) -> Reply {
        self.send(Method::PUT, "/_sandbox/config", behaviour.to_string()).await.unwrap()
    }

    pub(crate) async fn reset(&self) -> Reply {
        self.send(Method::POST, "/_sandbox/reset", String::new()).await.unwrap()
    }

    pub(crate) async fn journal(&self) -> Vec<Value> {
        self.get("/_sandbox/journal").await.lines()
    }

    pub(crate) async fn stats(&self) -> Value {
        self.get("/_sandbox/stats").await.json()
    }

    /// Moves the clock on in small steps until `work` is done.
    pub(crate) async fn while_time_passes<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::task::yield_now() => self.clock.advance(Duration::from_millis(1)),
            }
        }
    }

    /// Ends it, and asserts that every call it took was answered.
    pub(crate) async fn stop(self) {
        let stats = self.stats().await;
        assert_eq!(stats["calls"], stats["answered"], "a call was left without an answer: {stats}");
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}
