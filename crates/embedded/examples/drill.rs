//! The program that tests and proofs kill: a store under load, and a reader of what is left of it.
//!
//! It is an example because it has to be a process of its own, and is none that ships. Each
//! drill's standard output is read by whoever started it:
//!
//! - `commit DIR FIRST`: writes numbered transactions from many callers until it is killed. `s 7`
//!   says that number 7 was given to the store, `a 7` that the store acknowledged it.
//! - `verify DIR`: checks every row, and prints `t 7 3` for each number with how many of its three
//!   items are whole, then `rows DAMAGED COUNTER`.
//! - `burst DIR COUNTER`: 64 writes at once, one of which must fail; prints `ok failed syncs`.
//! - `hold DIR`: acknowledges one write, prints `ready` and keeps the store open.
//! - `load DIR CALLERS SECONDS`: what the store gives: enqueues, then claims and completions of the
//!   shape that the engine writes; prints each per second.
//! - `shim`: builds the file shim and prints where it is.
//!
//! With the feature `sabotage`, `commit` takes `--late-fsync`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a drill that fails has nobody to tell but who started it")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base::clock::SystemClock;
use base::key;
use base::store::{Body, Key, Query, StoreError, Table, When, Write};
use base::{Store, StoreExt};
use embedded::{OpenOptions, SqliteStore};
use testkit::{Shim, Syncs};
use tokio::sync::Barrier;

const TABLE: Table = Table("drill");
const CALLERS: u64 = 16;
const PARTITIONS: u64 = 8;
/// The items of one transaction.
const PARTS: u64 = 3;
const BURST: usize = 64;

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["commit", directory, first, flags @ ..] => commit(directory, first.parse().unwrap(), flags).await,
        ["verify", directory] => verify(directory).await,
        ["burst", directory, counter] => burst(directory, &Syncs::at(Path::new(counter))).await,
        ["hold", directory] => hold(directory).await,
        ["load", directory, callers, seconds] => {
            load(directory, callers.parse().unwrap(), Duration::from_secs(seconds.parse().unwrap())).await;
        }
        ["shim"] => say(&Shim::build().library().display().to_string()),
        _ => panic!("which drill?"),
    }
}

fn options(directory: &str) -> OpenOptions {
    OpenOptions::new(Path::new(directory).join("freight.db"), Arc::new(SystemClock::new()))
}

/// A line at once: what was said before a kill was said.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

async fn commit(directory: &str, first: u64, flags: &[&str]) {
    let store = SqliteStore::open(sabotaged(options(directory), flags)).unwrap();
    let numbers = Arc::new(AtomicU64::new(first));
    let callers = (0..CALLERS).map(|_| tokio::spawn(call(Arc::clone(&store), Arc::clone(&numbers))));
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
}

#[cfg(feature = "sabotage")]
fn sabotaged(options: OpenOptions, flags: &[&str]) -> OpenOptions {
    if flags.contains(&"--late-fsync") { options.with_late_fsync() } else { options }
}

#[cfg(not(feature = "sabotage"))]
fn sabotaged(options: OpenOptions, flags: &[&str]) -> OpenOptions {
    assert!(flags.is_empty(), "only a sabotaged build takes {flags:?}");
    options
}

async fn call(store: Arc<SqliteStore>, numbers: Arc<AtomicU64>) {
    loop {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        let mut writes: Vec<Write> = (0..PARTS).map(|part| item(number, part)).collect();
        writes.push(Write::add(total(), [("count", 1)]));
        say(&format!("s {number}"));
        store.write(writes).await.unwrap();
        say(&format!("a {number}"));
    }
}

fn item(number: u64, part: u64) -> Write {
    let key = Key::new(TABLE, key!["drill", (number + part) % PARTITIONS], key![number, part]);
    Write::put(key, body(number, part)).when(When::Absent)
}

/// What only this part of this transaction holds, from some bytes to several pages.
fn body(number: u64, part: u64) -> Body {
    let length = usize::try_from(number * 37 % 1_500 + part * 2_000).unwrap();
    let text = format!("{number}.{part} ").repeat(1 + length / 8);
    Body::data(format!("{text:?}")).with("number", i64::try_from(number).unwrap())
}

fn total() -> Key {
    Key::new(TABLE, key!["drill", "total"], key!["total"])
}

async fn verify(directory: &str) {
    let store = SqliteStore::open(options(directory)).unwrap();
    let report = store.check().await.unwrap();
    for line in &report.structure {
        eprintln!("structure: {line}");
    }
    let mut whole = BTreeMap::<u64, u64>::new();
    for partition in 0..PARTITIONS {
        let query = Query::new(TABLE, key!["drill", partition]).limit(1_000);
        for found in store.query_all(query).await.unwrap() {
            let parts = key::split(&found.key.sort);
            let [number, part] = [0, 1].map(|n| u64::from_str_radix(&parts[n], 16).unwrap());
            *whole.entry(number).or_default() += u64::from(found.body == body(number, part));
        }
    }
    for (number, parts) in whole {
        say(&format!("t {number} {parts}"));
    }
    let counter = store.get(total()).await.unwrap().map_or(0, |total| total.int("count"));
    let damaged = report.damaged + report.structure.len() as u64;
    say(&format!("{} {damaged} {counter}", report.rows));
}

async fn burst(directory: &str, syncs: &Syncs) {
    let store = SqliteStore::open(options(directory)).unwrap();
    let release = Arc::new(Barrier::new(BURST + 1));
    let writes: Vec<_> =
        (0..BURST).map(|n| tokio::spawn(one_of_burst(Arc::clone(&store), Arc::clone(&release), n))).collect();
    release.wait().await;
    let before = syncs.count();
    let (mut ok, mut failed) = (0, 0);
    release.wait().await;
    for write in writes {
        match write.await.unwrap() {
            Ok(_) => ok += 1,
            Err(StoreError::Failed(indexes)) if indexes == [1] => failed += 1,
            Err(other) => panic!("{other}"),
        }
    }
    say(&format!("{ok} {failed} {}", syncs.count() - before));
}

/// Waits until all are there and then until the syncs so far are counted.
async fn one_of_burst(
    store: Arc<SqliteStore>,
    release: Arc<Barrier>,
    n: usize,
) -> Result<base::store::Version, StoreError> {
    let key = |name: &str| Key::new(TABLE, key!["burst"], key![name, n as u64]);
    let when = if n == BURST / 2 { When::Present } else { When::Absent };
    let writes = vec![Write::put(key("a"), Body::data("1")), Write::put(key("b"), Body::data("2")).when(when)];
    release.wait().await;
    release.wait().await;
    store.write(writes).await
}

async fn hold(directory: &str) {
    let store = SqliteStore::open(options(directory)).unwrap();
    store.write(vec![Write::put(total(), Body::data("\"kept\""))]).await.unwrap();
    say("ready");
    std::future::pending::<()>().await;
}

async fn load(directory: &str, callers: u64, time: Duration) {
    let store = SqliteStore::open(options(directory)).unwrap();
    let start = Instant::now();
    let enqueued = each(callers, |caller| {
        let store = Arc::clone(&store);
        async move {
            let mut n = 0;
            while start.elapsed() < time {
                store.write(enqueue(caller, n)).await.unwrap();
                n += 1;
            }
            n
        }
    });
    let enqueued = enqueued.await;
    let total: u64 = enqueued.iter().sum();
    say(&format!("enqueues {:.0}/s", total as f64 / start.elapsed().as_secs_f64()));
    let start = Instant::now();
    let counts = Arc::new(enqueued);
    let done = each(callers, |caller| {
        let (store, counts) = (Arc::clone(&store), Arc::clone(&counts));
        async move {
            let mut n = 0;
            while start.elapsed() < time && n < counts[caller as usize] {
                claim_and_complete(&store, caller, n).await;
                n += 1;
            }
            n
        }
    });
    let done: u64 = done.await.iter().sum();
    say(&format!("claims and completions {:.0}/s", done as f64 / start.elapsed().as_secs_f64()));
}

async fn each<F: Future<Output = u64> + Send + 'static>(callers: u64, call: impl Fn(u64) -> F) -> Vec<u64> {
    let callers: Vec<_> = (0..callers).map(|caller| tokio::spawn(call(caller))).collect();
    let mut counts = Vec::new();
    for caller in callers {
        counts.push(caller.await.unwrap());
    }
    counts
}

fn task(caller: u64, n: u64) -> (Key, Key) {
    let id = format!("{:016x}-{:016x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15), caller);
    (Key::new(TABLE, key!["tenant", "task", &id[..2]], key![id]), Key::new(TABLE, key!["topic", "tenant"], key![n, id]))
}

fn enqueue(caller: u64, n: u64) -> Vec<Write> {
    let (task, due) = task(caller, n);
    let body = Body::data(format!("{{\"kind\":\"drill.load\",\"payload\":\"{}\"}}", "p".repeat(300)));
    let body = body.with("state", "waiting").with("attempts", 0).with("due", 1_772_366_400_000_000);
    vec![Write::put(task, body).when(When::Absent), Write::put(due, Body::default().with("task", 1))]
}

async fn claim_and_complete(store: &SqliteStore, caller: u64, n: u64) {
    let (task, due) = task(caller, n);
    let found = store.get(task.clone()).await.unwrap().unwrap();
    let body = found.body.clone().with("lease", n as i64).with("state", "running");
    store.write(vec![Write::put(task.clone(), body).when(found.unchanged())]).await.unwrap();
    let body = found.body.with("state", "completed");
    let complete = Write::put(task, body).when(When::is("lease", n as i64));
    store.write(vec![complete, Write::delete(due)]).await.unwrap();
}
