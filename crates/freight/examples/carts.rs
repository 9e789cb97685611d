//! Jobs that fill one cart while their process is killed: what `cargo xtask prove carts-kill` starts again
//! and again, kills, and judges.
//!
//! `carts FOLDER JOBS EACH SEED [split]` opens the store in FOLDER, asks for so many jobs that were not
//! asked for before, and works until all have ended. Each finds so many records, most of them the same as
//! the one before. Rings are lost, doubled and overtaken, as the seed has it. On stdout it says, a
//! line each:
//!
//! - `open`: the store is open. `<` and `>`: a write of the store begins, and was answered.
//! - `read JOB ADDED PRESENT TOTAL STATUS`: what a job says of itself, all the time.
//! - `rings DOUBLED DISORDERED LOST`: how many rings so far.
//! - `end ITEMS COUNTED ADDED LETTERS`: items in the store, items by the cart's own count, items that the
//!   jobs say were new, dead letters.
//!
//! One that is `split` writes items apart from their counts.

#![expect(clippy::unwrap_used, clippy::panic, reason = "who started it sees why it ended")]

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base::clock::SystemClock;
use base::intercept::{Intercept, Intercepted};
use base::memory::MemoryQueue;
use base::queue::{Heard, Receipt, Ring, Topic};
use base::store::{StoreError, Version, Write};
use base::{Clock, Ctx, Principal, Queue, RequestId, Scope, Store, TenantId};
use carts::Carts;
use carts::model::catalog::Records;
use carts::model::{Asked, Catalog, Found, View};
use carts::service::work::Question;
use carts::store::ITEMS;
use embedded::{OpenOptions, SqliteStore};
use jobs::{Deps, Engine, FixedQuotas, Registry, Settings};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use uuid::Uuid;

/// Between two reads of the jobs.
const LOOK: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let [folder, jobs, each, seed, rest @ ..] = words.as_slice() else { panic!("carts FOLDER JOBS EACH SEED [split]") };
    let [jobs, each, seed]: [u64; 3] = [jobs, each, seed].map(|word| word.parse().unwrap());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let file = SqliteStore::open(OpenOptions::new(Path::new(folder).join("carts.db"), clock.clone())).unwrap();
    let told: Arc<dyn Store> = Arc::new(Intercepted::new(file.clone(), Told));
    let store = if *rest == ["split"] { Arc::new(Intercepted::new(told, Split(clock.clone()))) } else { told };
    let bell = Arc::new(Bell::new(clock.clone(), seed));
    let deps = carts::Deps { store: store.clone(), catalog: Arc::new(Numbers(jobs * each)) };
    let mut registry = Registry::default();
    carts::register(&mut registry, &deps);
    let engine = Engine::new(Deps {
        store,
        queue: bell.clone(),
        clock: clock.clone(),
        registry,
        quotas: Arc::new(FixedQuotas::default()),
        settings: Settings { concurrency: 8, sweep: Duration::from_millis(50), ..Settings::default() },
    });
    let service = Carts::new(deps, engine.clone());
    let mut asked = Vec::new();
    for job in 0..jobs {
        let first = job * (each / jobs);
        let filters = json!({ "n": { "within": [[first, first + each - 1]] } }).to_string();
        let question = Question { entity_type: "numbers".to_owned(), filters, limit: None };
        let ctx = ctx(job.into());
        asked.push((service.query_start(&ctx, Asked::Default, question).await.unwrap().job.id, ctx));
    }
    println!("open");
    let workers = engine.workers_start();
    let added = loop {
        let (mut open, mut added) = (0, 0);
        for (number, (id, ctx)) in asked.iter().enumerate() {
            let job = service.job_get(ctx, *id).await.unwrap().job;
            let extra = |name: &str| job.counts.extra.get(name).copied().unwrap_or(0);
            println!("read {number} {} {} {} {}", extra("added"), extra("present"), job.counts.total, job.status);
            open += u64::from(!job.settled);
            added += extra("added");
        }
        let [doubled, disordered, lost] =
            [&bell.doubled, &bell.disordered, &bell.lost].map(|rings| rings.load(Ordering::Relaxed));
        println!("rings {doubled} {disordered} {lost}");
        if open == 0 {
            break added;
        }
        clock.sleep(LOOK).await;
    };
    workers.stop(Duration::from_secs(5)).await;
    let letters = engine.dead_list(&tenant(), None, 100, None).await.unwrap().items.len();
    let mut reading = service.item_scan(&ctx(0), Asked::Default).await.unwrap();
    let mut items = 0;
    while reading.next().await.unwrap().is_some() {
        items += 1;
    }
    let cart = service.cart_use(&ctx(0), Asked::Default).await.unwrap();
    let counted = service.cart_count(cart).await.unwrap().items;
    println!("end {items} {counted} {added} {letters}");
}

fn tenant() -> TenantId {
    "acme".parse().unwrap()
}

/// The same request, however often it is made.
fn ctx(number: u128) -> Ctx {
    let at = "2026-01-01T00:00:00Z".parse().unwrap();
    let scopes = [Scope::CartsRead, Scope::CartsWrite].into_iter().collect();
    let seed = Uuid::from_u128(number);
    Ctx::new(tenant(), Principal::new("key:carts"), scopes, RequestId::random(), at, seed)
}

/// A dataset of numbers.
struct Numbers(u64);

#[async_trait]
impl Catalog for Numbers {
    async fn knows(&self, _: &View, _: &str) -> base::Result<bool> {
        Ok(true)
    }

    async fn read(&self, _: &View, _: &str, after: Option<String>) -> base::Result<Box<dyn Records>> {
        let next = after.map_or(0, |after| after.parse::<u64>().unwrap() + 1);
        Ok(Box::new(Counting { next, end: self.0 }))
    }
}

struct Counting {
    next: u64,
    end: u64,
}

#[async_trait]
impl Records for Counting {
    async fn next(&mut self) -> base::Result<Option<Found>> {
        let n = self.next;
        self.next += 1;
        Ok((n < self.end).then(|| Found { id: n.to_string(), text: format!("{{\"n\":{n}}}"), place: n.to_string() }))
    }
}

/// A bell whose rings are lost, doubled, and overtaken by later ones.
struct Bell {
    inner: MemoryQueue,
    dice: Mutex<StdRng>,
    /// Rings that wait for a later one to pass.
    held: Mutex<Vec<(Topic, Ring)>>,
    doubled: AtomicU64,
    disordered: AtomicU64,
    lost: AtomicU64,
}

impl Bell {
    fn new(clock: Arc<dyn Clock>, seed: u64) -> Self {
        let [doubled, disordered, lost] = [0; 3].map(AtomicU64::new);
        let (dice, held) = (Mutex::new(StdRng::seed_from_u64(seed)), Mutex::default());
        Self { inner: MemoryQueue::new(clock), dice, held, doubled, disordered, lost }
    }

    /// What is rung now: most of the new rings, and after them most of the held ones.
    fn rung(&self, topic: &Topic, rings: Vec<Ring>) -> Vec<Ring> {
        let (mut dice, mut held) = (self.dice.lock().unwrap(), self.held.lock().unwrap());
        let passed = held.extract_if(.., |(of, _)| of == topic && dice.random_bool(0.7));
        let passed: Vec<Ring> = passed.map(|(_, ring)| ring).collect();
        let mut rung = Vec::with_capacity(rings.len());
        for ring in rings {
            match dice.random_range(0..10) {
                0 => _ = self.lost.fetch_add(1, Ordering::Relaxed),
                1 | 2 => held.push((topic.clone(), ring)),
                3..6 => {
                    self.doubled.fetch_add(1, Ordering::Relaxed);
                    rung.extend([ring.clone(), ring]);
                }
                _ => rung.push(ring),
            }
        }
        if !rung.is_empty() {
            self.disordered.fetch_add(passed.len() as u64, Ordering::Relaxed);
        }
        rung.extend(passed);
        rung
    }
}

#[async_trait]
impl Queue for Bell {
    async fn send(&self, topic: &Topic, rings: Vec<Ring>) -> base::Result<()> {
        self.inner.send(topic, self.rung(topic, rings)).await
    }

    async fn receive(&self, topic: &Topic, max: usize, wait: Duration) -> base::Result<Vec<Heard>> {
        self.inner.receive(topic, max, wait).await
    }

    async fn done(&self, topic: &Topic, receipts: Vec<Receipt>) -> base::Result<()> {
        self.inner.done(topic, receipts).await
    }

    async fn ready(&self) -> base::Result<()> {
        self.inner.ready().await
    }
}

/// Says when writes begin and end.
struct Told;

#[async_trait]
impl Intercept for Told {
    async fn write(&self, inner: &Arc<dyn Store>, writes: Vec<Write>) -> Result<Version, StoreError> {
        println!("<");
        let answer = inner.write(writes).await;
        println!(">");
        answer
    }
}

/// Writes items first, and what counts them a little later.
struct Split(Arc<dyn Clock>);

#[async_trait]
impl Intercept for Split {
    async fn write(&self, inner: &Arc<dyn Store>, writes: Vec<Write>) -> Result<Version, StoreError> {
        let (items, rest): (Vec<_>, Vec<_>) = writes.into_iter().partition(|write| write.key.table == ITEMS);
        if !items.is_empty() {
            inner.write(items).await?;
            self.0.sleep(Duration::from_millis(5)).await;
        }
        inner.write(rest).await
    }
}
