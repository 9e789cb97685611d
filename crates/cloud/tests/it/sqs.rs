//! The promises that every queue makes, on SQS.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::clock::SystemClock;
use base::conformance::Fixture;
use base::queue::{Heard, Receipt, Ring, Topic};
use base::{Clock as _, Queue, Result, TaskId};
use cloud::SqsQueue;
use cloud::sqs::Options;
use testkit::aws::{AwsShim, Moto, Odds};
use uuid::Uuid;

use crate::dynamo::behind;

/// The queue, with a queue for every topic that it is asked for: the suite makes up its topics.
struct Made {
    shim: AwsShim,
    queue: SqsQueue,
}

impl Made {
    async fn start(seed: u64, odds: Odds) -> Self {
        let shim = AwsShim::start(Moto::shared(), seed, odds).await;
        let queue = SqsQueue::connect(&behind(&shim), Options::default()).await;
        Self { shim, queue }
    }

    async fn make(&self, topic: &Topic) {
        let topics = vec![topic.as_str().to_owned()];
        let options = Options { topics, ..Options::default() };
        SqsQueue::connect(&behind(&self.shim), options).await.queues_create().await.unwrap();
    }

    /// So many rings, all of which were sent.
    async fn rung(&self, topic: &Topic, count: u128) -> Vec<Ring> {
        let ring =
            |n| Ring { task: TaskId::new(Uuid::from_u128(n)), group: "a".parse().unwrap(), delay: Duration::ZERO };
        let (clock, rings): (_, Vec<Ring>) = (SystemClock::new(), (0..count).map(ring).collect());
        for rings in rings.chunks(40) {
            // What is refused is repeated, as by who sweeps.
            while self.send(topic, rings.to_vec()).await.is_err() {
                assert!(clock.monotonic() < Duration::from_secs(30), "rings are refused");
            }
        }
        rings
    }
}

#[async_trait]
impl Queue for Made {
    async fn send(&self, topic: &Topic, rings: Vec<Ring>) -> Result<()> {
        self.make(topic).await;
        self.queue.send(topic, rings).await
    }

    async fn receive(&self, topic: &Topic, max: usize, wait: Duration) -> Result<Vec<Heard>> {
        self.make(topic).await;
        self.queue.receive(topic, max, wait).await
    }

    async fn done(&self, topic: &Topic, receipts: Vec<Receipt>) -> Result<()> {
        self.queue.done(topic, receipts).await
    }

    async fn ready(&self) -> Result<()> {
        self.queue.ready().await
    }
}

async fn sqs() -> Fixture<dyn Queue> {
    let queue = Made::start(3, Odds::default()).await;
    Fixture::real(Arc::new(queue), Arc::new(SystemClock::new()))
}

base::queue_conformance!(sqs);

/// Doubled, late, turned around, throttled and unanswered: every ring is heard all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_bad_day_every_ring_is_heard_at_least_once() {
    let queue = Made::start(5, Odds::BAD_DAY).await;
    let topic = Topic::new(&Uuid::new_v4().simple().to_string());
    let (clock, mut heard, mut deliveries) = (SystemClock::new(), HashSet::new(), 0);
    let sent = queue.rung(&topic, 400).await;
    while heard.len() < sent.len() && clock.monotonic() < Duration::from_secs(60) {
        // A poll that is refused is repeated by who polls.
        let Ok(some) = queue.queue.receive(&topic, 10, Duration::from_secs(1)).await else { continue };
        deliveries += some.len();
        heard.extend(some.iter().map(|heard| heard.ring.task));
        drop(queue.queue.done(&topic, some.into_iter().map(|heard| heard.receipt).collect()).await);
    }
    assert_eq!(heard, sent.iter().map(|ring| ring.task).collect::<HashSet<_>>());
    let fired = queue.shim.fired();
    let kinds =
        [fired.throttled, fired.failed, fired.lost, fired.duplicates, fired.reordered, fired.late, fired.empty_polls];
    assert!(kinds.iter().all(|count| *count > 0) && deliveries > sent.len(), "{fired:?}, {deliveries} deliveries");
}

/// Who heard something and does not learn of it leaves it to nobody until it rings again, after 30 s.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_heard_before_a_call_failed_is_not_lost() {
    let queue = Made::start(6, Odds::default()).await;
    let topic = Topic::new(&Uuid::new_v4().simple().to_string());
    let sent = queue.rung(&topic, 100).await;
    queue.shim.set(Odds { failed: 0.5, ..Odds::default() });
    let (clock, mut heard) = (SystemClock::new(), HashSet::new());
    while heard.len() < sent.len() {
        assert!(clock.monotonic() < Duration::from_secs(20), "{} of {} were heard", heard.len(), sent.len());
        let Ok(some) = queue.queue.receive(&topic, sent.len(), Duration::ZERO).await else { continue };
        heard.extend(some.iter().map(|heard| heard.ring.task));
    }
    assert!(queue.shim.fired().failed > 1, "{:?}", queue.shim.fired());
}
