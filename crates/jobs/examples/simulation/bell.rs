//! A queue that does what a queue may: loses rings, rings twice, rings late.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base::queue::{Heard, Receipt, Ring, Topic};
use base::{Queue, Result};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// How a bell rings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manners {
    /// How likely a ring is lost.
    pub(crate) lost: f64,
    /// How likely it is rung once more, and how often that at most.
    pub(crate) doubled: f64,
    pub(crate) copies_max: u32,
    /// How likely it is late.
    pub(crate) late: f64,
}

/// How late a ring is at most.
const LATE_MS_MAX: u64 = 3_000;

/// Rings that were lost, doubled and late so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mishaps {
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) late: u64,
}

/// Another queue, and faults until it is told to be calm.
pub(crate) struct Bell {
    inner: Arc<dyn Queue>,
    manners: Manners,
    dice: Mutex<(StdRng, Mishaps, bool)>,
}

impl Bell {
    pub(crate) fn new(inner: Arc<dyn Queue>, manners: Manners, seed: u64) -> Self {
        Self { inner, manners, dice: Mutex::new((StdRng::seed_from_u64(seed), Mishaps::default(), false)) }
    }

    pub(crate) fn calm(&self) {
        self.dice.lock().unwrap().2 = true;
    }

    pub(crate) fn mishaps(&self) -> Mishaps {
        self.dice.lock().unwrap().1
    }

    fn shaken(&self, rings: Vec<Ring>) -> Vec<Ring> {
        let mut dice = self.dice.lock().unwrap();
        let (rng, mishaps, calm) = &mut *dice;
        if *calm {
            return rings;
        }
        let mut sent = Vec::with_capacity(rings.len());
        for mut ring in rings {
            let Manners { lost, doubled, copies_max, late } = self.manners;
            if rng.random_bool(lost) {
                mishaps.lost += 1;
                continue;
            }
            if rng.random_bool(doubled) {
                mishaps.doubled += 1;
                for _ in 0..rng.random_range(1..=copies_max) {
                    let delay = ring.delay + Duration::from_millis(rng.random_range(0..LATE_MS_MAX));
                    sent.push(Ring { delay, ..ring.clone() });
                }
            }
            if rng.random_bool(late) {
                mishaps.late += 1;
                ring.delay += Duration::from_millis(rng.random_range(0..LATE_MS_MAX));
            }
            sent.push(ring);
        }
        sent
    }
}

#[async_trait]
impl Queue for Bell {
    async fn send(&self, topic: &Topic, rings: Vec<Ring>) -> Result<()> {
        self.inner.send(topic, self.shaken(rings)).await
    }

    async fn receive(&self, topic: &Topic, max: usize, wait: Duration) -> Result<Vec<Heard>> {
        self.inner.receive(topic, max, wait).await
    }

    async fn done(&self, topic: &Topic, receipts: Vec<Receipt>) -> Result<()> {
        self.inner.done(topic, receipts).await
    }

    async fn ready(&self) -> Result<()> {
        self.inner.ready().await
    }
}
