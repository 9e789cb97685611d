//! A server, and somebody who asks and measures.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use accounts::contract::Mailbox;
use base::clock::ManualClock;
use base::memory::MemoryCache;
use bytes::Bytes;
use freight::compose::{Freight, Settings, compose};
use freight::ground::Ground;
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Client, Meter};
use tokio::net::TcpListener;

use super::{Measure, Most, pass};

/// What a cache may take that holds all that is asked for.
pub(super) const ROOMY: usize = 1 << 20;
/// A job has settled after so many quarters of a second.
const STEPS_MAX: usize = 50_000;

/// What is sent: of which type, and what.
pub(super) type Sent = Option<(&'static str, String)>;

/// Sends JSON.
pub(super) fn body(value: &Value) -> Sent {
    Some(("application/json", value.to_string()))
}

/// Sends lines of JSON.
pub(super) fn lines(text: String) -> Sent {
    Some(("application/x-ndjson", text))
}

/// A server, and who measures it.
pub(super) struct Desk {
    /// The server; its workers are the caller's to start.
    pub(super) freight: Freight,
    /// Its clock.
    pub(super) clock: ManualClock,
    /// Where its stand-ins listen.
    pub(super) sandbox: SocketAddr,
    /// What it wrote to people.
    pub(super) letters: Mailbox,
    /// Who asks.
    pub(super) client: Client,
    /// Somebody with the first key.
    admin: Client,
    meter: Arc<Meter>,
    measures: Vec<Measure>,
}

impl Desk {
    /// A server whose cache may take so many bytes, and whose sources are the sandbox's.
    pub(super) async fn open(cache_bytes: usize) -> Self {
        let meter = Arc::new(Meter::default());
        // Time stands still: who is known stays known.
        let clock = ManualClock::at("2026-01-02T03:04:05Z".parse().unwrap());
        let memory = Ground::memory(Arc::new(clock.clone()));
        let ground = Ground {
            store: meter.store(memory.store.clone()),
            queue: meter.queue(memory.queue.clone()),
            limiter: meter.limiter(memory.limiter.clone()),
            cache: meter.cache(Arc::new(MemoryCache::new(memory.clock.clone(), cache_bytes))),
            ..memory
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sandbox = listener.local_addr().unwrap();
        tokio::spawn(sandbox::serve(listener, sandbox::Config::default(), std::future::pending()));
        let letters = Mailbox::default();
        let settings =
            Settings { sandbox: Some(sandbox), post: Some(Arc::new(letters.clone())), ..Settings::default() };
        let freight = compose(&ground, settings).await.unwrap();
        let key = freight.accounts.bootstrap().await.unwrap().unwrap().text.expose().clone();
        let admin = Client::app(&freight.app).with_key(&key);
        // Every request is counted, and none is one too many.
        let rates = json!({ "settings": { "rate_limits": { "control": ["1000000/day"] } } });
        admin.patch("/api/v1/tenants/default", &rates).await.expect(200);
        let client = admin.clone();
        let desk = Self { freight, clock, sandbox, letters, client, admin, meter, measures: Vec::new() };
        desk.known().await;
        desk
    }

    /// What was measured.
    pub(super) fn close(self) -> Vec<Measure> {
        self.measures
    }

    /// Has the first key and its tenants looked up.
    async fn known(&self) {
        self.admin.get("/api/v1/me").await.expect(200);
        self.freight.accounts.settle().await.unwrap();
    }

    /// Asks for `path` as `operation` says, a method and a path of the document.
    pub(super) async fn ask(&self, operation: &str, path: &str, sent: Sent) -> Answer {
        let (method, template) = operation.split_once(' ').unwrap();
        assert!(fits(template, path), "{path} is not {operation}");
        let method: Method = method.parse().unwrap();
        let sent = sent.map(|(media, text)| (media, Bytes::from(text)));
        let answer = self.client.send_bytes(method, path, sent).await;
        assert!(answer.status.is_success(), "{operation}: {}", answer.text());
        answer
    }

    /// Asks once, and measures it. It is called by a name, an operation, and what else there is to say.
    pub(super) async fn cost(&mut self, called: [&'static str; 3], most: Most, path: &str, sent: Sent) -> Answer {
        self.known().await;
        self.cost_unknown(called, most, path, sent).await
    }

    /// The same, without looking up before who asks.
    pub(super) async fn cost_unknown(
        &mut self,
        [name, operation, note]: [&'static str; 3],
        most: Most,
        path: &str,
        sent: Sent,
    ) -> Answer {
        let before = self.meter.bill();
        let answer = self.ask(operation, path, sent).await;
        // What is done beside a request is part of what it costs.
        self.freight.accounts.settle().await.unwrap();
        let bill = self.meter.bill() - before;
        let what = if note.is_empty() { operation.to_owned() } else { format!("{operation}: {note}") };
        self.measures.push(Measure { name, what, operation: Some(operation), bill, most });
        answer
    }

    /// Asks twice, and measures the second: what is done only once is done by the first.
    pub(super) async fn second(
        &mut self,
        called: [&'static str; 3],
        most: Most,
        path: &str,
        [first, second]: [Sent; 2],
    ) -> Answer {
        self.ask(called[1], path, first).await;
        self.cost(called, most, path, second).await
    }

    /// The same for what is only read.
    pub(super) async fn get(&mut self, called: [&'static str; 3], most: Most, path: &str) -> Answer {
        self.second(called, most, path, [None, None]).await
    }

    /// The same for each of so many that are sent at once.
    pub(super) async fn each(&mut self, called: [&'static str; 3], most: Most, path: &str, sent: [Sent; 2], of: usize) {
        self.second(called, most, path, sent).await;
        let last = self.measures.last_mut().unwrap();
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let bill = last.bill / of as f64;
        last.bill = bill;
    }

    /// Lets the time pass until a job has settled; workers must run.
    pub(super) async fn settled(&self, path: &str) {
        let (tenant, id) = ("default".parse().unwrap(), path.rsplit('/').next().unwrap().parse().unwrap());
        let mut steps = 0;
        while !self.freight.engine.job_get(&tenant, id).await.unwrap().unwrap().settled {
            assert!(steps < STEPS_MAX, "{path} does not settle");
            pass(&self.clock, Duration::from_millis(250)).await;
            steps += 1;
        }
    }
}

/// Where an answer says that something is to be found.
pub(super) fn place(answer: &Answer) -> String {
    answer.json()["links"]["self"].as_str().unwrap().to_owned()
}

/// Whether a path, with its query, is one of a template of the document.
fn fits(template: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let (wanted, there): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    let fits = |(wanted, there): (&&str, &&str)| wanted == there || wanted.starts_with('{');
    wanted.len() == there.len() && wanted.iter().zip(&there).all(fits)
}
