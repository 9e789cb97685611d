//! `Queue` on SQS: one standard queue for each topic, named `{prefix}{topic}`.
//!
//! A standard queue delivers late, twice, in another order, or, to one poll, nothing at all; an old
//! receipt deletes nothing and says that it did. A doorbell may do all of that. What it must not do
//! is hold up who rings it: a send is tried for a moment only, and not at all while SQS is away, since
//! the sweep finds every task whose ring was lost. Rings carry their tenant as the message's group, by
//! which SQS serves tenants fairly ([why not FIFO](../../../../docs/decisions/0022-standard-queues.md)).

pub mod message;
mod outlet;
mod queues;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, SendMessageBatchRequestEntry};
use base::clock::SystemClock;
use base::queue::{Heard, Receipt, Ring, Topic};
use base::{Clock as _, Error, Queue, Result};
use futures::StreamExt as _;

use crate::Aws;
use crate::aws::{ATTEMPT_MAX, Trouble};
use crate::breaker::Breaker;
use crate::patience::{self, Given, Patience};

pub use outlet::Outlet;

/// As many as one call takes.
const BATCH: usize = 10;
/// How many calls of one `send` or `done` are under way at once.
const ABREAST: usize = 4;
/// The longest poll that SQS knows.
const POLL_MAX: Duration = Duration::from_secs(20);
/// A poll that came back early and empty is followed by another after this.
const REST: Duration = Duration::from_millis(50);
/// How long a call is tried, and an attempt waited for.
const CALL_MAX: Duration = Duration::from_millis(800);
/// How long rings are dropped at most before one is sent to see whether SQS is there again.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Which queues are ours.
#[derive(Clone, Debug)]
pub struct Options {
    /// What begins the name of every queue.
    pub prefix: String,
    /// The topics there are; [`Queue::ready`] asks for the first.
    pub topics: Vec<String>,
    /// How long a queue that we make keeps a message; 1 minute to 14 days.
    pub retention: Duration,
}

/// A ring that nobody heard for an hour has long been found by a sweep.
const RETENTION: Duration = Duration::from_secs(3_600);

impl Default for Options {
    fn default() -> Self {
        Self { prefix: String::new(), topics: Vec::new(), retention: RETENTION }
    }
}

/// The doorbell that many copies share.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    options: Options,
    urls: Arc<Mutex<HashMap<String, Arc<str>>>>,
    breaker: Arc<Breaker>,
}

impl SqsQueue {
    /// A queue that has asked nothing yet.
    pub async fn connect(aws: &Aws, options: Options) -> Self {
        let config = aws_sdk_sqs::Config::new(&aws.sdk_config().await);
        let breaker = Arc::new(Breaker::new(PAUSE_MAX));
        Self { client: Client::from_conf(config), options, urls: Arc::default(), breaker }
    }

    fn queue_name(&self, topic: &str) -> String {
        format!("{}{topic}", self.options.prefix)
    }

    /// The address of a topic's queue; asked for once.
    async fn url(&self, topic: &str) -> Result<Arc<str>, Given> {
        if let Some(url) = self.urls.lock().unwrap_or_else(PoisonError::into_inner).get(topic) {
            return Ok(url.clone());
        }
        let call = self.client.get_queue_url().queue_name(self.queue_name(topic));
        let answer = answer(|| call.clone().customize().config_override(within(CALL_MAX)).send()).await?;
        let url: Arc<str> = answer.queue_url.unwrap_or_default().into();
        self.urls.lock().unwrap_or_else(PoisonError::into_inner).insert(topic.to_owned(), url.clone());
        Ok(url)
    }

    /// Up to ten messages, waiting whole seconds for the first.
    async fn poll(&self, url: &str, max: usize, wait: Duration) -> Result<Vec<Message>> {
        let seconds = wait.min(POLL_MAX).as_secs();
        let call = self
            .client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(i32::try_from(max.clamp(1, BATCH)).unwrap_or(1))
            .wait_time_seconds(i32::try_from(seconds).unwrap_or_default())
            .customize()
            .config_override(within(ATTEMPT_MAX + Duration::from_secs(seconds)));
        Ok(call.send().await.map_err(|error| unheard(&Trouble::of(&error)))?.messages.unwrap_or_default())
    }

    /// What was heard; a message that is no ring of ours is not heard again.
    async fn heard(&self, topic: &Topic, messages: Vec<Message>) -> Vec<Heard> {
        let (mut heard, mut foreign) = (Vec::new(), Vec::new());
        for message in messages {
            let receipt = Receipt(message.receipt_handle.unwrap_or_default());
            match message::decode(message.body.as_deref().unwrap_or_default()) {
                Some(ring) => heard.push(Heard { ring, receipt }),
                None => foreign.push(receipt),
            }
        }
        if !foreign.is_empty() {
            tracing::warn!(topic = topic.as_str(), count = foreign.len(), "messages that are no rings were dropped");
            drop(self.done(topic, foreign).await);
        }
        heard
    }

    /// Sends up to ten rings until all are sent.
    async fn send_batch(&self, url: &str, rings: &[Ring]) -> Result<(), Given> {
        let entries = rings.iter().enumerate().map(|(n, ring)| message::entry(n, ring)).collect::<Result<Vec<_>>>();
        let entries = entries.map_err(|error| Given::Refused("message".to_owned(), error.to_string()))?;
        self.send_entries(url, entries).await
    }

    /// Sends up to ten messages until all are sent.
    async fn send_entries(&self, url: &str, mut left: Vec<SendMessageBatchRequestEntry>) -> Result<(), Given> {
        let mut patience = Patience::of(CALL_MAX);
        loop {
            let call = self.client.send_message_batch().queue_url(url).set_entries(Some(left.clone()));
            let trouble = match call.customize().config_override(within(CALL_MAX)).send().await {
                Ok(answer) if answer.failed.is_empty() => return Ok(()),
                Ok(answer) => {
                    left.retain(|entry| answer.failed.iter().any(|failed| failed.id == entry.id));
                    let fault = answer.failed.iter().find(|failed| failed.sender_fault);
                    fault.map_or(Trouble::Later("not sent".to_owned()), |failed| {
                        Trouble::Refused(failed.code.clone(), failed.message.clone().unwrap_or_default())
                    })
                }
                Err(error) => Trouble::of(&error),
            };
            patience.bear(trouble).await?;
        }
    }

    /// Sends rings, and those that are left when some were refused; but where nobody answers, nobody waits again.
    async fn send_all(&self, topic: &Topic, rings: &[Ring]) -> Result<(), Given> {
        let mut sent = Ok(());
        for some in rings.chunks(BATCH * ABREAST) {
            let no_answer = |_| Err(Given::Lost("no answer".to_owned()));
            match tokio::time::timeout(CALL_MAX, self.send_abreast(topic, some)).await.unwrap_or_else(no_answer) {
                Ok(()) => {}
                Err(Given::Lost(what)) => return Err(Given::Lost(what)),
                Err(given) => sent = Err(given),
            }
        }
        sent
    }

    async fn send_abreast(&self, topic: &Topic, rings: &[Ring]) -> Result<(), Given> {
        let url = self.url(topic.as_str()).await?;
        let calls: Vec<_> = rings.chunks(BATCH).map(|rings| self.send_batch(&url, rings)).collect();
        let answers: Vec<Result<(), Given>> = futures::stream::iter(calls).buffer_unordered(ABREAST).collect().await;
        answers.into_iter().collect()
    }

    async fn done_batch(&self, url: &str, receipts: &[Receipt]) -> Result<()> {
        let entry = |(n, receipt): (usize, &Receipt)| {
            DeleteMessageBatchRequestEntry::builder().id(n.to_string()).receipt_handle(&receipt.0).build()
        };
        let entries = receipts.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>().map_err(Error::internal)?;
        let call = self.client.delete_message_batch().queue_url(url).set_entries(Some(entries));
        // What was not deleted rings again, and that does no harm.
        let done = answer(|| call.clone().customize().config_override(within(CALL_MAX)).send()).await;
        done.map(drop).map_err(unavailable)
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, topic: &Topic, rings: Vec<Ring>) -> Result<()> {
        if rings.is_empty() {
            return Ok(());
        }
        let Some(pass) = self.breaker.admit() else {
            return Err(Error::unavailable("SQS has not answered lately"));
        };
        let sent = self.send_all(topic, &rings).await;
        // Who refuses a message, or has no time for it, is there.
        let is_there = !matches!(sent, Err(Given::Lost(_)));
        if if is_there { self.breaker.close() } else { self.breaker.open(pass) } {
            tracing::warn!(topic = topic.as_str(), is_there, "SQS went away or came back");
        }
        sent.map_err(unavailable)
    }

    async fn receive(&self, topic: &Topic, max: usize, wait: Duration) -> Result<Vec<Heard>> {
        let url = self.url(topic.as_str()).await.map_err(unavailable)?;
        let clock = SystemClock::new();
        loop {
            let left = wait.saturating_sub(clock.monotonic());
            let messages = self.poll(&url, max, left).await?;
            let mut heard = self.heard(topic, messages).await;
            // Where one call was filled there may be more, and nobody has to wait for it. A call that fails
            // takes nothing back: what was heard is heard by nobody else for a while.
            while !heard.is_empty() && heard.len() < max && heard.len() % BATCH == 0 {
                let messages = self.poll(&url, max - heard.len(), Duration::ZERO).await.unwrap_or_default();
                if messages.is_empty() {
                    break;
                }
                heard.extend(self.heard(topic, messages).await);
            }
            if !heard.is_empty() || clock.monotonic() >= wait {
                return Ok(heard);
            }
            let left = wait.saturating_sub(clock.monotonic());
            clock.sleep(if left < Duration::from_secs(1) { left } else { REST }).await;
        }
    }

    async fn done(&self, topic: &Topic, receipts: Vec<Receipt>) -> Result<()> {
        if receipts.is_empty() {
            return Ok(());
        }
        let url = self.url(topic.as_str()).await.map_err(unavailable)?;
        let calls: Vec<_> = receipts.chunks(BATCH).map(|receipts| self.done_batch(&url, receipts)).collect();
        let answers: Vec<Result<()>> = futures::stream::iter(calls).buffer_unordered(ABREAST).collect().await;
        answers.into_iter().collect()
    }

    async fn ready(&self) -> Result<()> {
        let Some(topic) = self.options.topics.first() else { return Ok(()) };
        let call = self.client.get_queue_url().queue_name(self.queue_name(topic));
        let answer = answer(|| call.clone().customize().config_override(within(CALL_MAX)).send()).await;
        answer.map(drop).map_err(unavailable)
    }
}

/// The bound of one attempt.
fn within(attempt: Duration) -> aws_sdk_sqs::config::Builder {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(attempt).build();
    aws_sdk_sqs::config::Builder::default().timeout_config(timeouts)
}

/// Repeats a call that may be made twice, for a moment.
async fn answer<T, E, F>(call: impl Fn() -> F) -> Result<T, Given>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    F: Future<Output = Result<T, SdkError<E>>>,
{
    patience::answer(CALL_MAX, call).await
}

fn unheard(trouble: &Trouble) -> Error {
    match trouble {
        Trouble::Later(what) | Trouble::Lost(what) | Trouble::Gone(what) => Error::unavailable(what),
        Trouble::Refused(code, what) => Error::unavailable(format!("{code}: {what}")),
    }
}

fn unavailable(given: Given) -> Error {
    Error::unavailable(match given {
        Given::Busy(what) | Given::Lost(what) => what,
        Given::Refused(code, _) if queues::names_missing(&code) => {
            "a queue is missing: `freight tables create` makes it".to_owned()
        }
        Given::Refused(code, what) => format!("{code}: {what}"),
    })
}
