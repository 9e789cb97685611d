//! The queue in memory: what it promises beyond the contract, since a single process runs on it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use base::clock::ManualClock;
use base::conformance::START;
use base::memory::{DELAYED_MAX, MemoryQueue, RINGS_MAX};
use base::queue::{DELAY_MAX, Heard, Ring, Topic};
use base::{Clock, Queue, TaskId};
use uuid::Uuid;

const SECOND: Duration = Duration::from_secs(1);

struct Rig {
    queue: Arc<MemoryQueue>,
    clock: ManualClock,
    topic: Topic,
}

fn rig() -> Rig {
    let clock = ManualClock::at(START);
    Rig { queue: Arc::new(MemoryQueue::new(Arc::new(clock.clone()))), clock, topic: Topic::new("t") }
}

impl Rig {
    async fn send(&self, rings: impl IntoIterator<Item = (u128, &str, Duration)>) -> base::Result<()> {
        let rings = rings.into_iter().map(|(task, group, delay)| -> base::Result<Ring> {
            Ok(Ring { task: TaskId::new(Uuid::from_u128(task)), group: group.parse()?, delay })
        });
        self.queue.send(&self.topic, rings.collect::<base::Result<_>>()?).await
    }

    /// What can be heard now, in order.
    async fn now(&self, max: usize) -> Vec<u128> {
        tasks(&self.queue.receive(&self.topic, max, Duration::ZERO).await.unwrap_or_default())
    }
}

fn tasks(heard: &[Heard]) -> Vec<u128> {
    heard.iter().map(|heard| heard.ring.task.uuid().as_u128()).collect()
}

#[tokio::test]
async fn groups_take_turns() {
    let rig = rig();
    rig.send((0..50_000).map(|n| (n, "many", Duration::ZERO))).await.unwrap();
    rig.send([(100_001, "few", Duration::ZERO), (100_002, "few", Duration::ZERO), (100_003, "one", Duration::ZERO)])
        .await
        .unwrap();
    assert_eq!(rig.now(8).await, [0, 100_001, 100_003, 1, 100_002, 2, 3, 4]);
    rig.send([(100_004, "few", Duration::ZERO)]).await.unwrap();
    assert_eq!(rig.now(2).await, [5, 100_004]);
}

#[tokio::test]
async fn a_ring_not_yet_heard_is_not_kept_twice() {
    let rig = rig();
    for _ in 0..3 {
        rig.send([(1, "a", Duration::ZERO), (2, "a", SECOND), (2, "a", SECOND)]).await.unwrap();
    }
    assert_eq!(rig.queue.waiting(&rig.topic), 2);
    assert_eq!(rig.now(10).await, [1]);
    rig.send([(1, "a", Duration::ZERO)]).await.unwrap();
    assert_eq!(rig.now(10).await, [1]);
    rig.clock.advance(SECOND);
    assert_eq!(rig.now(10).await, [2]);
    assert_eq!(rig.queue.waiting(&rig.topic), 0);
}

#[tokio::test]
async fn an_immediate_ring_does_not_swallow_a_later_one() {
    let rig = rig();
    rig.send([(1, "a", Duration::ZERO), (1, "a", SECOND), (1, "a", 2 * SECOND)]).await.unwrap();
    for _ in 0..3 {
        assert_eq!(rig.now(10).await, [1]);
        assert_eq!(rig.now(10).await, [0; 0]);
        rig.clock.advance(SECOND);
    }
    assert_eq!(rig.now(10).await, [0; 0]);
}

#[tokio::test]
async fn delayed_rings_come_in_the_order_of_their_times() {
    let rig = rig();
    rig.send([(3, "a", 3 * SECOND), (1, "a", SECOND), (2, "b", 2 * SECOND), (9, "a", 5 * DELAY_MAX)]).await.unwrap();
    rig.clock.advance(SECOND - Duration::from_nanos(1));
    assert_eq!(rig.now(10).await, [0; 0]);
    rig.clock.advance(2 * SECOND + Duration::from_nanos(1));
    assert_eq!(rig.now(10).await, [1, 2, 3]);
    rig.clock.advance(DELAY_MAX);
    assert_eq!(rig.now(10).await, [9], "no delay is longer than the longest");
}

#[tokio::test]
async fn a_full_topic_drops_and_others_do_not() {
    let rig = rig();
    let half = RINGS_MAX as u128 / 2;
    rig.send((0..half).map(|n| (n, "a", SECOND))).await.unwrap();
    rig.send((half..RINGS_MAX as u128 + 10).map(|n| (n, "b", Duration::ZERO))).await.unwrap();
    assert_eq!(rig.queue.waiting(&rig.topic), RINGS_MAX);
    let other = Topic::new("other");
    let ring = Ring { task: TaskId::new(Uuid::from_u128(1)), group: "a".parse().unwrap(), delay: Duration::ZERO };
    rig.queue.send(&other, vec![ring]).await.unwrap();
    assert_eq!(rig.queue.waiting(&other), 1);
    rig.clock.advance(SECOND);
    let heard: HashSet<u128> = rig.now(usize::MAX).await.into_iter().collect();
    assert_eq!(heard, (0..RINGS_MAX as u128).collect());
    rig.send([(7, "a", Duration::ZERO)]).await.unwrap();
    assert_eq!(rig.now(10).await, [7]);
}

#[tokio::test]
async fn who_fills_a_topic_does_not_keep_others_from_it() {
    let rig = rig();
    let most = RINGS_MAX as u128;
    rig.send((0..most).map(|n| (n, "many", Duration::ZERO))).await.unwrap();
    rig.send([(most, "few", Duration::ZERO), (most + 1, "later", SECOND)]).await.unwrap();
    assert_eq!(rig.queue.waiting(&rig.topic), RINGS_MAX);
    assert_eq!(rig.now(3).await, [0, most, 1]);
    rig.clock.advance(SECOND);
    assert_eq!(rig.now(3).await, [2, most + 1, 3]);
    let rest = rig.now(usize::MAX).await;
    assert_eq!(rest, (4..most - 2).collect::<Vec<_>>(), "the last of the many gave way");
}

#[tokio::test]
async fn a_ring_that_waits_already_takes_nobodys_place() {
    let rig = rig();
    let most = RINGS_MAX as u128;
    rig.send((0..most).map(|n| (n, if n < 10 { "few" } else { "many" }, Duration::ZERO))).await.unwrap();
    rig.send((0..10).map(|n| (n, "few", Duration::ZERO))).await.unwrap();
    assert_eq!(rig.now(usize::MAX).await.len(), RINGS_MAX);
}

#[tokio::test]
async fn rings_for_later_leave_half_the_room() {
    let rig = rig();
    let most = RINGS_MAX as u128;
    rig.send((0..most).map(|n| (n, "later", SECOND))).await.unwrap();
    assert_eq!(rig.queue.waiting(&rig.topic), DELAYED_MAX);
    rig.send([(most, "now", Duration::ZERO)]).await.unwrap();
    assert_eq!(rig.now(10).await, [most]);
}

#[tokio::test]
async fn a_receiver_dropped_while_waiting_takes_no_ring_with_it() {
    let rig = rig();
    for round in 0..4 {
        let mut gone = rig.queue.receive(&rig.topic, 10, SECOND);
        let mut stays = rig.queue.receive(&rig.topic, 10, SECOND);
        assert!(futures::poll!(&mut gone).is_pending());
        assert!(futures::poll!(&mut stays).is_pending());
        rig.send([(round, "a", Duration::ZERO)]).await.unwrap();
        drop(gone);
        let std::task::Poll::Ready(heard) = futures::poll!(&mut stays) else { panic!("the ring went with it") };
        assert_eq!(tasks(&heard.unwrap()), [round]);
    }
}

#[tokio::test]
async fn one_send_wakes_as_many_as_it_has_rings_for() {
    let rig = rig();
    let receivers = (0..4).map(|_| rig.queue.receive(&rig.topic, 1, SECOND));
    let mut all = futures::future::join_all(receivers);
    assert!(futures::poll!(&mut all).is_pending());
    rig.send((0..4).map(|n| (n, "a", Duration::ZERO))).await.unwrap();
    let heard: Vec<u128> = all.await.into_iter().flat_map(|heard| tasks(&heard.unwrap())).collect();
    assert_eq!(heard.len(), 4);
}

#[tokio::test]
async fn a_sleeping_receiver_learns_of_a_ring_that_comes_sooner() {
    let rig = rig();
    rig.send([(2, "a", 600 * SECOND)]).await.unwrap();
    let mut receiver = rig.queue.receive(&rig.topic, 10, 900 * SECOND);
    assert!(futures::poll!(&mut receiver).is_pending());
    rig.send([(1, "a", 10 * SECOND)]).await.unwrap();
    assert!(futures::poll!(&mut receiver).is_pending());
    rig.clock.advance(10 * SECOND);
    assert_eq!(tasks(&receiver.await.unwrap()), [1]);
    assert_eq!(rig.clock.monotonic(), 10 * SECOND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_senders_and_receivers_lose_nothing() {
    let rig = rig();
    let receivers: Vec<_> = (0..4)
        .map(|_| {
            let (queue, topic) = (Arc::clone(&rig.queue), rig.topic.clone());
            tokio::spawn(async move {
                let mut all = Vec::new();
                while !all.contains(&u128::MAX) {
                    all.extend(tasks(&queue.receive(&topic, 7, SECOND).await.unwrap()));
                }
                // The last word goes round until everybody has heard it.
                let last = TaskId::new(Uuid::from_u128(u128::MAX));
                let ring = Ring { task: last, group: "z".parse().unwrap(), delay: Duration::ZERO };
                queue.send(&topic, vec![ring]).await.unwrap();
                all
            })
        })
        .collect();
    for n in 0..20_000 {
        let group = ["a", "b", "c"][n as usize % 3];
        rig.send([(n, group, Duration::ZERO)]).await.unwrap();
    }
    while rig.queue.waiting(&rig.topic) > 0 {
        tokio::task::yield_now().await;
    }
    rig.send([(u128::MAX, "z", Duration::ZERO)]).await.unwrap();
    let mut heard = Vec::new();
    for receiver in receivers {
        heard.extend(receiver.await.unwrap().into_iter().filter(|task| *task != u128::MAX));
    }
    heard.sort_unstable();
    assert_eq!(heard, (0..20_000).collect::<Vec<u128>>());
}
