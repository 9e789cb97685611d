//! `freight lambda`: the same server as a function of AWS Lambda.
//!
//! The actors: AWS invokes, with one JSON document, and waits for one; between invocations the
//! process is frozen, for a moment or for good. What one invocation is, its shape says ([`event`]):
//!
//! - an HTTP request ([`request`]), which goes through the router like any other and becomes a
//!   document again ([`answer`]);
//! - rings that SQS delivered: each one's task runs here, to its end, or is handed back and rings for
//!   another invocation; what could not do even that is reported as not done, and SQS delivers it again;
//! - a tick of a schedule of EventBridge: whatever is due runs, and what is left rings.
//!
//! Promised: nothing runs on after an invocation was answered. There are no workers; what a request
//! leaves to be done beside it (the use of a key, refusals, events) is awaited before the answer goes.
//! A maintainer breaks that with a `tokio::spawn` that [`Function::settle`] does not know of.
//!
//! Everything is over before the deadline that came with the invocation: a function that AWS stops
//! half way answers nobody, and its tasks would wait until their leases run out.

pub mod answer;
pub mod event;
pub mod request;

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use base::queue::{Ring, Topic};
use jiff::Timestamp;
use jobs::inline::HAND_BACK_MAX;
use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use metrics_exporter_prometheus::PrometheusHandle;
use readthrough::Behind;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use web::Whole;

use crate::compose::{Freight, Settings, compose};
use crate::config::{Config, Environment, QueueUri};
use crate::ground::Ground;
use crate::serve::settings;
use crate::telemetry;
use event::{Event, HttpEvent, Record};

/// What is done beside requests has this long before the deadline.
const SETTLE: Duration = Duration::from_secs(2);
/// Whoever waits for the answer to a request waits this long for what is done beside it.
const SETTLE_BESIDE: Duration = Duration::from_secs(1);
/// An answer is on its way so long before the deadline.
const HAND_IN: Duration = Duration::from_millis(500);

/// Variables that Lambda sets for every function, and that its library cannot do without.
const VARIABLES: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

/// The variables of Lambda that are missing: then nobody would invoke.
pub fn missing(environment: &Environment) -> Vec<&'static str> {
    VARIABLES.into_iter().filter(|name| environment.get(name).is_none()).collect()
}

/// Answers invocations as long as there are any.
///
/// # Errors
/// When it cannot start, or the interface of Lambda is gone.
pub async fn run(config: &Config) -> Result<()> {
    let function = Function::start(config).await?;
    let function = &function;
    let invoked = service_fn(move |LambdaEvent { payload, context }: LambdaEvent<Box<RawValue>>| async move {
        function.invoke(&payload, context.deadline).await.map_err(told)
    });
    Runtime::new(invoked).run().await.map_err(|error| anyhow::anyhow!("the interface of Lambda: {error}"))
}

/// What whoever looks at a failed invocation is told; the log has it too.
fn told(error: anyhow::Error) -> Diagnostic {
    tracing::error!(error = format!("{error:#}"), "an invocation failed");
    Diagnostic { error_type: "Freight".to_owned(), error_message: format!("{error:#}") }
}

/// A server that is put together, and answers one invocation at a time.
struct Function {
    freight: Freight,
    ground: Ground,
    metrics: PrometheusHandle,
    /// What begins the name of each queue.
    prefix: String,
    /// How long a request may take, however much longer the function may run.
    request_timeout: Duration,
}

impl Function {
    async fn start(config: &Config) -> Result<Self> {
        let QueueUri::Sqs(place) = &config.queue else { bail!("queue.uri names no queue of SQS") };
        let metrics = telemetry::metrics()?;
        let ground = Ground::open(config).await?;
        // Health does not ask for workers: work is what other invocations do.
        let settings = settings(config, Vec::new(), None, metrics.clone())?;
        let settings = Settings { api_only: true, behind: Behind::Queued, ..settings };
        let freight = compose(&ground, settings).await?;
        if freight.accounts.bootstrap().await?.is_some() {
            tracing::warn!("the store was empty and has a key that nobody saw: `freight keys create --offline`");
        }
        let (prefix, request_timeout) = (place.prefix.clone(), config.web.request_timeout);
        Ok(Self { freight, ground, metrics, prefix, request_timeout })
    }

    /// Answers one invocation; `deadline` is in milliseconds since 1970.
    async fn invoke(&self, payload: &RawValue, deadline: u64) -> Result<Value> {
        let deadline = self.monotonic(deadline)?;
        // Who waits for the answer has gone by then; nobody pays for what he does not get.
        let given_up = self.ground.clock.monotonic() + self.request_timeout;
        let last = deadline.saturating_sub(HAND_IN);
        let (answer, settled_by) = match Event::of(payload.get())? {
            Event::Http(event) => {
                let until = deadline.saturating_sub(SETTLE).min(given_up);
                (self.http(*event, until).await, last.min(given_up + SETTLE_BESIDE))
            }
            Event::Rings(records) => (Ok(self.rings(records, work_until(deadline)).await), last),
            Event::Tick => (self.tick(work_until(deadline)).await, last),
        };
        self.settle(settled_by).await;
        answer
    }

    async fn http(&self, event: HttpEvent, until: Duration) -> Result<Value> {
        let kind = event.kind();
        let mut request = request::of(event).unwrap_or_else(|error| request::unreadable(&error));
        request.extensions_mut().insert(Whole { bytes_max: kind.bytes_max(), until });
        let response = self.freight.app.router().oneshot(request).await?;
        answer::of(kind, response).await
    }

    /// Runs the tasks that were rung for, and names the deliveries that were not answered.
    async fn rings(&self, records: Vec<Record>, until: Duration) -> Value {
        let topic = records.first().map(|record| record.queue()).unwrap_or_default();
        let topic = Topic::new(topic.strip_prefix(&self.prefix).unwrap_or(topic));
        let ours: Vec<(&Record, Ring)> =
            records.iter().filter_map(|record| Some((record, cloud::sqs::message::decode(&record.body)?))).collect();
        if ours.len() < records.len() {
            tracing::warn!(count = records.len() - ours.len(), "messages that are no rings were dropped");
        }
        let (ours, rings): (Vec<&Record>, Vec<Ring>) = ours.into_iter().unzip();
        let answered = self.freight.engine.rings_answer(&topic, rings, until).await;
        let failed = ours.iter().zip(answered).filter(|(_, answered)| !answered);
        let failures: Vec<Value> = failed.map(|(record, _)| json!({ "itemIdentifier": record.message_id })).collect();
        json!({ "batchItemFailures": failures })
    }

    async fn tick(&self, until: Duration) -> Result<Value> {
        let more = self.freight.engine.run_due(until).await?;
        Ok(json!({ "more": more }))
    }

    /// Waits for what is done beside requests, until then: after this nothing runs.
    async fn settle(&self, until: Duration) {
        let Freight { accounts, source, tokens, .. } = &self.freight;
        let settled = async { tokio::join!(accounts.settle(), source.events_flush()) };
        let left = until.saturating_sub(self.ground.clock.monotonic());
        let (accounts, events) = tokio::select! {
            biased;
            settled = settled => settled,
            () = self.ground.clock.sleep(left) => return tracing::warn!("the time was over before all was written"),
        };
        for error in [accounts, events].into_iter().filter_map(|settled| settled.err()) {
            tracing::warn!(%error, "what is written beside requests is written later");
        }
        // Last: nobody was promised what it computes.
        let left = until.saturating_sub(self.ground.clock.monotonic());
        tokio::select! {
            () = tokens.settle() => {}
            () = self.ground.clock.sleep(left) => {}
        }
        self.metrics.run_upkeep();
    }

    /// An instant of the wall clock as one of the monotonic clock.
    fn monotonic(&self, deadline: u64) -> Result<Duration> {
        let deadline = Timestamp::from_millisecond(deadline.try_into()?).context("the deadline")?;
        let left = deadline.duration_since(self.ground.clock.now());
        Ok(self.ground.clock.monotonic() + Duration::try_from(left).unwrap_or_default())
    }
}

/// Work ends early enough for what is left to be handed back.
fn work_until(deadline: Duration) -> Duration {
    deadline.saturating_sub(SETTLE + HAND_BACK_MAX)
}
