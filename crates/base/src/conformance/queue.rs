//! What every queue promises while nothing fails; the engine relies on none of it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::conformance::Fixture;
use crate::queue::{DELAY_MAX, Heard, Ring, Topic};
use crate::{Queue, TaskId, TenantId};

/// Longer than any delivery takes, shorter than a test may.
const WAIT: Duration = Duration::from_secs(5);

/// Runs the suite of [`Queue`](crate::Queue) against what `$make` makes, each promise a test.
#[macro_export]
macro_rules! queue_conformance {
    ($make:path) => {
        $crate::conformance_tests! { queue, $make,
            a_ring_is_heard_as_it_was_sent
            every_ring_is_heard
            at_most_max_are_heard_at_once
            silence_lasts_as_long_as_the_wait
            a_waiting_receiver_is_woken
            a_delayed_ring_is_not_heard_early
            a_longest_delay_is_kept
            topics_do_not_mix
            a_ring_that_is_done_is_not_heard_again
            several_receivers_share_the_rings
            the_queue_says_that_it_is_ready
        }
    };
}

impl Fixture<dyn Queue> {
    fn topic(&self, name: &str) -> Topic {
        Topic::new(&format!("{}-{name}", self.name()))
    }

    /// Receives up to `count` rings, done at once, until all are there or nothing more comes.
    async fn heard(&self, topic: &Topic, count: usize) -> Vec<Heard> {
        let mut all = Vec::new();
        while all.len() < count {
            let heard = self.until(self.receive(topic, 10, WAIT)).await.unwrap();
            if heard.is_empty() {
                break;
            }
            self.done(topic, heard.iter().map(|heard| heard.receipt.clone()).collect()).await.unwrap();
            all.extend(heard);
        }
        all
    }
}

fn ring(group: &str, delay: Duration) -> Ring {
    Ring { task: TaskId::new(Uuid::now_v7()), group: tenant(group), delay }
}

fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

fn tasks<'a>(rings: impl IntoIterator<Item = &'a Ring>) -> HashSet<TaskId> {
    rings.into_iter().map(|ring| ring.task).collect()
}

/// Task and group arrive.
pub async fn a_ring_is_heard_as_it_was_sent(fx: &Fixture<dyn Queue>) {
    let (topic, sent) = (fx.topic("t"), ring("acme", Duration::ZERO));
    fx.send(&topic, vec![sent.clone()]).await.unwrap();
    let heard = fx.heard(&topic, 1).await;
    assert_eq!(heard.iter().map(|heard| &heard.ring).collect::<Vec<_>>(), [&sent]);
}

/// Far more rings than one request carries, of several groups, all arrive.
pub async fn every_ring_is_heard(fx: &Fixture<dyn Queue>) {
    let topic = fx.topic("t");
    let sent: Vec<Ring> = (0..127).map(|n| ring(["a", "b", "c"][n % 3], Duration::ZERO)).collect();
    fx.send(&topic, sent.clone()).await.unwrap();
    let heard = fx.heard(&topic, sent.len()).await;
    assert_eq!(tasks(heard.iter().map(|heard| &heard.ring)), tasks(&sent));
}

/// `max` bounds what one call returns.
pub async fn at_most_max_are_heard_at_once(fx: &Fixture<dyn Queue>) {
    let topic = fx.topic("t");
    fx.send(&topic, (0..12).map(|_| ring("a", Duration::ZERO)).collect()).await.unwrap();
    for max in [1, 2, 3] {
        let heard = fx.until(fx.receive(&topic, max, WAIT)).await.unwrap();
        assert!((1..=max).contains(&heard.len()), "{} of {max}", heard.len());
    }
}

/// Where nothing rings, nothing is heard, after the wait and not before.
pub async fn silence_lasts_as_long_as_the_wait(fx: &Fixture<dyn Queue>) {
    for wait in [Duration::ZERO, Duration::from_secs(1)] {
        let begun = fx.clock().monotonic();
        let heard = fx.until(fx.receive(&fx.topic("t"), 10, wait)).await.unwrap();
        assert!(heard.is_empty());
        assert!(fx.clock().monotonic() - begun >= wait);
    }
}

/// A receiver that waits hears what is sent meanwhile, without waiting to the end.
pub async fn a_waiting_receiver_is_woken(fx: &Fixture<dyn Queue>) {
    let (queue, topic) = (fx.share(), fx.topic("t"));
    let waiting = {
        let topic = topic.clone();
        tokio::spawn(async move { queue.receive(&topic, 10, Duration::from_secs(20)).await.unwrap() })
    };
    tokio::task::yield_now().await;
    fx.send(&topic, vec![ring("a", Duration::ZERO)]).await.unwrap();
    assert_eq!(waiting.await.unwrap().len(), 1);
}

/// A delay is kept, also by a receiver that is already waiting.
pub async fn a_delayed_ring_is_not_heard_early(fx: &Fixture<dyn Queue>) {
    let (topic, delay) = (fx.topic("t"), Duration::from_secs(2));
    let (early, late) = (ring("a", Duration::ZERO), ring("a", delay));
    let begun = fx.clock().monotonic();
    fx.send(&topic, vec![late.clone(), early.clone()]).await.unwrap();
    let first = fx.heard(&topic, 1).await;
    assert_eq!(tasks(first.iter().map(|heard| &heard.ring)), tasks([&early]));
    let second = fx.heard(&topic, 1).await;
    assert_eq!(tasks(second.iter().map(|heard| &heard.ring)), tasks([&late]));
    assert!(fx.clock().monotonic() - begun >= delay);
}

/// The longest delay is accepted, and is not taken for none.
pub async fn a_longest_delay_is_kept(fx: &Fixture<dyn Queue>) {
    let topic = fx.topic("t");
    fx.send(&topic, vec![ring("a", DELAY_MAX)]).await.unwrap();
    let heard = fx.until(fx.receive(&topic, 10, Duration::from_secs(1))).await.unwrap();
    assert!(heard.is_empty());
}

/// A ring of one topic is not heard in another.
pub async fn topics_do_not_mix(fx: &Fixture<dyn Queue>) {
    let [a, b] = ["a", "b"].map(|name| fx.topic(name));
    fx.send(&a, vec![ring("a", Duration::ZERO)]).await.unwrap();
    let elsewhere = fx.until(fx.receive(&b, 10, Duration::from_secs(1))).await.unwrap();
    assert!(elsewhere.is_empty());
    assert_eq!(fx.heard(&a, 1).await.len(), 1);
}

/// Done is done, and saying so twice is no error.
pub async fn a_ring_that_is_done_is_not_heard_again(fx: &Fixture<dyn Queue>) {
    let topic = fx.topic("t");
    fx.send(&topic, vec![ring("a", Duration::ZERO)]).await.unwrap();
    let heard = fx.heard(&topic, 1).await;
    fx.done(&topic, heard.into_iter().map(|heard| heard.receipt).collect()).await.unwrap();
    let again = fx.until(fx.receive(&topic, 10, Duration::from_secs(1))).await.unwrap();
    assert!(again.is_empty());
}

/// Receivers side by side hear all rings between them.
pub async fn several_receivers_share_the_rings(fx: &Fixture<dyn Queue>) {
    let topic = fx.topic("t");
    let sent: Vec<Ring> = (0..60).map(|_| ring("a", Duration::ZERO)).collect();
    let receivers: Vec<_> = (0..4).map(|_| tokio::spawn(listen(fx.share(), topic.clone()))).collect();
    for some in sent.chunks(7) {
        fx.send(&topic, some.to_vec()).await.unwrap();
    }
    let mut heard = HashSet::new();
    for receiver in receivers {
        heard.extend(fx.until(receiver).await.unwrap());
    }
    assert_eq!(heard, tasks(&sent));
}

/// Hears until nothing has come for the wait.
async fn listen(queue: Arc<dyn Queue>, topic: Topic) -> Vec<TaskId> {
    let mut all = Vec::new();
    loop {
        let heard = queue.receive(&topic, 3, WAIT).await.unwrap();
        if heard.is_empty() {
            return all;
        }
        all.extend(heard.iter().map(|heard| heard.ring.task));
        queue.done(&topic, heard.into_iter().map(|heard| heard.receipt).collect()).await.unwrap();
    }
}

/// A queue that serves says so.
pub async fn the_queue_says_that_it_is_ready(fx: &Fixture<dyn Queue>) {
    fx.ready().await.unwrap();
}
