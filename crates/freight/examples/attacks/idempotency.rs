//! Many send the same request with the same `Idempotency-Key`, and the server dies on the way.
//!
//! A round is one operation that is asked for two hundred times at once, on a store that delays, refuses
//! and loses replies; some moment later the process is gone. A server that comes after it, when leases
//! have ended, is asked two hundred times again, and once more. In the end the operation must have had its
//! effect once: the store has exactly the items that one untroubled request adds. And every answer that
//! told of success must have told the same.
//!
//! The broken server records that a key was used after it has answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base::clock::{ManualClock, SystemClock};
use base::fault::{FaultyStore, Odds};
use base::intercept::{Intercept, Intercepted};
use base::store::{Action, StoreError, Table, Version, Write};
use base::{Clock as _, Store};
use freight::compose::{Freight, Settings};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use testkit::{Answer, Client};

use crate::Found;
use crate::rig::{Rig, at_once, first_caller, unlimited};

const CLIENTS: usize = 200;
const ODDS: Odds = Odds {
    delay: 0.3,
    delay_max: Duration::from_millis(4),
    busy: 0.01,
    unavailable: 0.02,
    unknown: 0.05,
    vanished: 0.05,
};
/// In which of its writes the process dies: two hundred reservations are tried, one operation is done.
const DIES_MAX: u64 = 250;
/// Longer than a reservation is held by who made it.
const TAKEOVER: Duration = Duration::from_secs(63);
const KEYS: Table = Table("idempotency");

/// An operation with one effect, and the body of its n-th request.
struct Operation {
    path: &'static str,
    body: fn(u64) -> Value,
    /// Whether the answer is kept whole; of a secret only the status is.
    is_kept: bool,
}

const OPERATIONS: [Operation; 5] = [
    Operation {
        path: "/api/v1/tenants",
        body: |n| json!({ "name": "Acme", "slug": format!("acme-{n}"), "settings": unlimited() }),
        is_kept: true,
    },
    Operation { path: "/api/v1/keys", body: |_| json!({ "name": "reader", "role": "reader" }), is_kept: false },
    Operation {
        path: "/api/v1/datasets",
        body: |n| json!({ "name": format!("companies-{n}"), "key": "id" }),
        is_kept: true,
    },
    Operation { path: "/resources/carts/", body: |n| json!({ "cart_name": format!("cart-{n}") }), is_kept: true },
    Operation { path: "/api/v1/datasets/DATASET/fetch", body: |_| json!({ "calls": 3 }), is_kept: true },
];

/// So many rounds of each operation.
pub(crate) async fn run(rounds: u64, seed: u64, broken: bool) -> Found {
    let mut attack = Attack::new(seed, broken).await;
    for round in 0..rounds {
        for operation in &OPERATIONS {
            attack.round(round, operation).await;
        }
    }
    let figures = json!({ "rounds": attack.rounds, "requests": attack.requests, "succeeded": attack.succeeded,
        "told_before_the_crash": attack.told_early, "cut_off": attack.cut_off, "replayed": attack.replayed });
    Found { figures, wrong: attack.wrong }
}

struct Attack {
    rig: Rig,
    clock: ManualClock,
    dice: StdRng,
    broken: bool,
    admin: Client,
    rounds: u64,
    requests: u64,
    succeeded: u64,
    told_early: u64,
    cut_off: u64,
    replayed: u64,
    wrong: Vec<String>,
}

impl Attack {
    async fn new(seed: u64, broken: bool) -> Self {
        let clock = ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap());
        let rig = Rig::new(Arc::new(clock.clone()));
        let calm = rig.server(rig.store.clone(), Settings::default()).await;
        let admin = first_caller(&calm).await;
        let dice = StdRng::seed_from_u64(seed);
        let (rounds, requests, succeeded, told_early, cut_off, replayed) = (0, 0, 0, 0, 0, 0);
        let wrong = Vec::new();
        Self { rig, clock, dice, broken, admin, rounds, requests, succeeded, told_early, cut_off, replayed, wrong }
    }

    async fn round(&mut self, round: u64, operation: &Operation) {
        let expected = self.untroubled(round, operation).await;
        let number = 2 * round + 1;
        let path = self.path(number, operation).await;
        let before = self.items();
        let body = (operation.body)(number);
        let key = format!("{}-{number}", operation.path);

        let dying = self.faulty();
        let fuse = Arc::new(AtomicU64::new(0));
        let fused = Arc::new(Intercepted::new(dying.clone(), Fuse { left: fuse.clone(), of: dying.clone() }));
        let freight = self.rig.server(self.through(fused), Settings::default()).await;
        dying.set(ODDS);
        // In every third round it dies when all were answered.
        let dies = self.dice.random_range(1..DIES_MAX);
        fuse.store(if self.rounds.is_multiple_of(3) { 0 } else { dies }, Ordering::Relaxed);
        let mut answers = self.asked(&freight, &path, &key, &body, CLIENTS).await;
        dying.crash();
        self.cut_off += u64::from(dying.fired().interrupted > 0);
        drop(freight);
        self.told_early += u64::from(answers.iter().any(|answer| answer.status.is_success()));

        self.clock.advance(TAKEOVER);
        let after = self.rig.server(self.through(self.rig.store.clone()), Settings::default()).await;
        answers.extend(self.asked(&after, &path, &key, &body, CLIENTS).await);
        let last = self.asked(&after, &path, &key, &body, 1).await.remove(0);
        self.replayed += u64::from(last.header("idempotent-replayed").is_some());
        answers.push(last);
        self.judge(operation, &answers, &expected, before);
    }

    /// The items that one request adds which nothing befalls.
    async fn untroubled(&mut self, round: u64, operation: &Operation) -> BTreeMap<&'static str, usize> {
        let path = self.path(2 * round, operation).await;
        // Whatever a first request of the kind leaves for all that follow is there now.
        if round == 0 {
            let warm = self.path(u64::MAX, operation).await;
            self.admin.post(&warm, &(operation.body)(u64::MAX)).await;
        }
        let before = self.items();
        let body = (operation.body)(2 * round);
        let key = format!("{}-{}", operation.path, 2 * round);
        let made = self.admin.with_header("idempotency-key", &key).post(&path, &body).await;
        assert!(made.status.is_success(), "{}", made.text());
        added(&before, &self.items())
    }

    /// The path of the n-th request; a run needs a dataset that has none.
    async fn path(&self, number: u64, operation: &Operation) -> String {
        let name = format!("fetched-{number}");
        let path = operation.path.replace("DATASET", &name);
        if path != operation.path {
            let source = json!({ "url": "https://users.example/all" });
            let dataset = json!({ "name": name, "key": "id", "source": source });
            self.admin.post("/api/v1/datasets", &dataset).await.expect(201);
        }
        path
    }

    fn items(&self) -> BTreeMap<&'static str, usize> {
        self.rig.ledger().items()
    }

    fn faulty(&mut self) -> Arc<FaultyStore> {
        let seed = self.dice.random();
        Arc::new(FaultyStore::new(self.rig.store.clone(), Arc::new(SystemClock::new()), seed))
    }

    fn through(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        if self.broken { Arc::new(Intercepted::new(store, RecordsLater)) } else { store }
    }

    async fn asked(&mut self, freight: &Freight, path: &str, key: &str, body: &Value, times: usize) -> Vec<Answer> {
        let client = self.admin.of_app(&freight.app).with_header("idempotency-key", key);
        self.requests += times as u64;
        let call = |_| {
            let (client, path, body) = (client.clone(), path.to_owned(), body.clone());
            async move { client.post(&path, &body).await }
        };
        at_once(times, call).await
    }

    fn judge(
        &mut self,
        operation: &Operation,
        answers: &[Answer],
        expected: &BTreeMap<&'static str, usize>,
        before: BTreeMap<&'static str, usize>,
    ) {
        self.rounds += 1;
        let there = added(&before, &self.items());
        if there != *expected {
            self.wrong.push(format!("{}: it added {there:?} instead of {expected:?}", operation.path));
        }
        let good: Vec<&Answer> = answers.iter().filter(|answer| answer.status.is_success()).collect();
        self.succeeded += good.len() as u64;
        let told = |answer: &Answer| (answer.status, operation.is_kept.then(|| answer.text()));
        if good.windows(2).any(|pair| told(pair[0]) != told(pair[1])) {
            self.wrong.push(format!("{}: two answers that differ", operation.path));
        }
        if !answers.last().is_some_and(|last| last.status.is_success()) {
            let last = answers.last().map(Answer::text);
            self.wrong.push(format!("{}: in the end it was answered {last:?}", operation.path));
        }
    }
}

fn added(
    before: &BTreeMap<&'static str, usize>,
    after: &BTreeMap<&'static str, usize>,
) -> BTreeMap<&'static str, usize> {
    let of = |table: &str| before.get(table).copied().unwrap_or_default();
    after.iter().map(|(table, items)| (*table, items - of(table))).filter(|(_, items)| *items > 0).collect()
}

/// Ends a process in the midst of a write, when it has made so many; 0 = never.
struct Fuse {
    left: Arc<AtomicU64>,
    of: Arc<FaultyStore>,
}

#[async_trait]
impl Intercept for Fuse {
    async fn write(&self, inner: &Arc<dyn Store>, writes: Vec<Write>) -> Result<Version, StoreError> {
        let one_less = |left: u64| left.checked_sub(1);
        let was = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        let death = async {
            if was == Ok(1) {
                self.of.crash();
            }
        };
        tokio::join!(biased; inner.write(writes), death).0
    }
}

/// Says that a record is written before it is.
struct RecordsLater;

#[async_trait]
impl Intercept for RecordsLater {
    async fn write(&self, inner: &Arc<dyn Store>, writes: Vec<Write>) -> Result<Version, StoreError> {
        let (records, effects): (Vec<_>, Vec<_>) = writes.into_iter().partition(|write| write.key.table == KEYS);
        let version = if effects.is_empty() { Version(uuid::Uuid::new_v4()) } else { inner.write(effects).await? };
        if records.iter().any(|record| record.action != Action::Check) {
            let inner = inner.clone();
            tokio::spawn(async move {
                SystemClock::new().sleep(Duration::from_millis(5)).await;
                inner.write(records).await
            });
        }
        Ok(version)
    }
}
