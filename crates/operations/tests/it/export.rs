//! Lines and letters are taken elsewhere, each at least once, also when the other side is away for a
//! while or takes something and does not say so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base::clock::{ManualClock, SystemClock};
use base::memory::{MemoryQueue, MemoryStore};
use base::{Error, Result, TenantId};
use jiff::Timestamp;
use jobs::{Stream, Workers};
use operations::Export;
use operations::contract::{Stage, Toy};
use operations::export::{Letters, Lines};
use serde_json::Value;

const SECOND: Duration = Duration::from_secs(1);
const EVERY: Duration = Duration::from_secs(5);

/// The other side. Of every call it takes what it is offered, unless it is away; every fifth time it
/// then fails to say so.
#[derive(Debug, Default)]
struct Elsewhere {
    away: AtomicUsize,
    calls: AtomicUsize,
    lines: Mutex<BTreeMap<&'static str, Vec<Value>>>,
    letters: Mutex<Vec<Value>>,
}

impl Elsewhere {
    fn is_there(&self) -> Result<()> {
        let less = |left: usize| left.checked_sub(1);
        match self.away.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) {
            Ok(_) => Err(Error::unavailable("away")),
            Err(_) => Ok(()),
        }
    }

    fn says_so(&self) -> Result<()> {
        match self.calls.fetch_add(1, Ordering::SeqCst) % 5 {
            4 => Err(Error::unavailable("the answer was lost")),
            _ => Ok(()),
        }
    }

    /// Whose lines there are, each once: tenant and id.
    fn told(&self, stream: &str) -> BTreeSet<(String, String)> {
        ids(self.lines.lock().unwrap().get(stream).map_or(&[], Vec::as_slice))
    }
}

fn ids(values: &[Value]) -> BTreeSet<(String, String)> {
    let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    values.iter().map(|value| (text(value, "tenant_id"), text(value, "id"))).collect()
}

#[async_trait]
impl Lines for Elsewhere {
    async fn take(&self, stream: Stream, lines: Vec<(Timestamp, String)>) -> Result<()> {
        self.is_there()?;
        assert!(lines.is_sorted_by_key(|(at, _)| *at), "in order of time");
        let values = lines.iter().map(|(_, line)| serde_json::from_str(line).unwrap());
        self.lines.lock().unwrap().entry(stream.as_str()).or_default().extend(values);
        self.says_so()
    }
}

#[async_trait]
impl Letters for Elsewhere {
    async fn take(&self, letters: Vec<String>) -> Result<()> {
        self.is_there()?;
        let values = letters.iter().map(|letter| serde_json::from_str(letter).unwrap());
        self.letters.lock().unwrap().extend(values);
        self.says_so()
    }
}

struct World {
    clock: ManualClock,
    stage: Stage,
    export: Arc<Export>,
    workers: Workers,
}

impl World {
    fn new(lines: Arc<dyn Lines>, letters: Arc<dyn Letters>) -> Self {
        let clock = ManualClock::at("2026-01-02T03:04:05Z".parse().unwrap());
        let shared: Arc<dyn base::Clock> = Arc::new(clock.clone());
        let (store, queue) = (Arc::new(MemoryStore::new(shared.clone())), Arc::new(MemoryQueue::new(shared.clone())));
        let export = Export::new(Some(lines), Some(letters), EVERY);
        let stage = Stage::exporting(store, queue, shared, &export);
        let workers = stage.engine.workers_start();
        Self { clock, stage, export, workers }
    }

    /// Lets the time pass, and everything run that is due.
    async fn pass(&self, time: Duration) {
        for _ in 0..time.as_millis() / 250 {
            self.clock.advance(Duration::from_millis(250));
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Every line of a stream that the store holds.
    async fn stored(&self, tenants: &[&str], stream: Stream) -> BTreeSet<(String, String)> {
        let mut stored = BTreeSet::new();
        for name in tenants {
            let tenant: TenantId = name.parse().unwrap();
            let page = self.stage.engine.journal_list(&tenant, Some(stream), None, 1_000, None).await.unwrap();
            assert!(page.next.is_none());
            stored.extend(page.items.into_iter().map(|line| ((*name).to_owned(), line.id)));
        }
        stored
    }
}

#[tokio::test]
async fn what_waits_is_taken_at_least_once_whatever_the_other_side_does() {
    let elsewhere = Arc::new(Elsewhere { away: AtomicUsize::new(3), ..Elsewhere::default() });
    let world = World::new(elsewhere.clone(), elsewhere.clone());
    // The engine's own enqueue: a second process that starts asks for the same task.
    world.export.start(&world.stage.engine).await.unwrap();
    world.export.start(&world.stage.engine).await.unwrap();
    let tenants = ["acme", "other"];
    let toys = [Toy::of("a", 1), Toy { failed: 1, ..Toy::of("b", 2) }, Toy { broken: true, ..Toy::of("c", 1) }];
    for round in 0..3 {
        for tenant in tenants {
            world.stage.make(tenant, Stage::FETCH, &toys).await;
        }
        world.pass(Duration::from_secs(60 + round)).await;
    }
    world.pass(Duration::from_secs(180)).await;

    for stream in Stream::ALL {
        let stored = world.stored(&tenants, *stream).await;
        assert!(stored.len() >= 6, "{stream:?}: {}", stored.len());
        assert_eq!(elsewhere.told(stream.as_str()), stored, "{stream:?}");
    }
    let letters = elsewhere.letters.lock().unwrap().clone();
    assert_eq!(ids(&letters).len(), 6, "one broken batch a job");
    assert_eq!((&letters[0]["reason"], &letters[0]["payload"]["name"]), (&"broken".into(), &"c".into()));
    assert_eq!(elsewhere.away.load(Ordering::SeqCst), 0, "it was away");
    let taken: usize = elsewhere.lines.lock().unwrap().values().map(Vec::len).sum();
    let once: usize = Stream::ALL.iter().map(|stream| elsewhere.told(stream.as_str()).len()).sum();
    assert!(taken > once, "an answer was lost, and lines were offered again");

    for tenant in tenants.map(|tenant| tenant.parse().unwrap()) {
        assert!(world.stage.engine.outbox_lines(&tenant, 1).await.unwrap().is_empty(), "nothing waits");
        assert!(world.stage.engine.outbox_letters(&tenant, 1).await.unwrap().is_empty(), "nothing waits");
    }
    assert!(world.stage.engine.outbox_tenants().await.unwrap().is_empty(), "and nobody is looked at");
    assert!(world.workers.stop(Duration::from_secs(5)).await);
}

/// Takes no lines of tenants whose names begin so.
#[derive(Debug)]
struct Fastidious {
    refused: &'static str,
    taken: Mutex<BTreeSet<String>>,
}

#[async_trait]
impl Lines for Fastidious {
    async fn take(&self, _: Stream, lines: Vec<(Timestamp, String)>) -> Result<()> {
        let line: Value = serde_json::from_str(&lines[0].1).unwrap();
        let tenant = line["tenant_id"].as_str().unwrap();
        if tenant.starts_with(self.refused) {
            return Err(Error::unavailable("refused"));
        }
        self.taken.lock().unwrap().insert(tenant.to_owned());
        Ok(())
    }
}

/// What arrives of ten tenants with a line and a letter each.
async fn arrived(refused: &'static str) -> (BTreeSet<String>, usize) {
    let lines = Arc::new(Fastidious { refused, taken: Mutex::default() });
    let letters = Arc::new(Elsewhere::default());
    let world = World::new(lines.clone(), letters.clone());
    for n in 0..10 {
        world.stage.make(&format!("t{n}"), Stage::FETCH, &[Toy { broken: true, ..Toy::of("c", 1) }]).await;
    }
    world.pass(SECOND).await;
    world.export.start(&world.stage.engine).await.unwrap();
    world.pass(Duration::from_secs(180)).await;
    assert!(world.workers.stop(Duration::from_secs(5)).await);
    let letters = ids(&letters.letters.lock().unwrap()).len();
    let lines = lines.taken.lock().unwrap().clone();
    (lines, letters)
}

#[tokio::test]
async fn letters_are_taken_also_where_lines_are_not() {
    assert_eq!(arrived("t").await, (BTreeSet::new(), 10));
}

#[tokio::test]
async fn those_of_whom_nothing_is_taken_hold_up_nobody() {
    // `t0` alone is refused; then so many in a row that who takes lines seems to be away.
    let (lines, letters) = arrived("t0").await;
    assert_eq!((lines.len(), letters), (9, 10));
    let crowd = Arc::new(Fastidious { refused: "a", taken: Mutex::default() });
    let world = World::new(crowd.clone(), Arc::new(Elsewhere::default()));
    for tenant in ["a1", "a2", "a3", "a4", "a5", "b"] {
        world.stage.make(tenant, Stage::FETCH, &[Toy::of("c", 1)]).await;
    }
    world.pass(SECOND).await;
    world.export.start(&world.stage.engine).await.unwrap();
    world.pass(Duration::from_secs(180)).await;
    assert_eq!(*crowd.taken.lock().unwrap(), BTreeSet::from(["b".to_owned()]));
    assert!(world.workers.stop(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn where_nothing_is_taken_nothing_waits() {
    let clock: Arc<dyn base::Clock> = Arc::new(SystemClock::new());
    let (store, queue) = (MemoryStore::new(clock.clone()), MemoryQueue::new(clock.clone()));
    let stage = Stage::over(Arc::new(store), Arc::new(queue), clock);
    let workers = stage.engine.workers_start();
    let id = stage.make("acme", Stage::FETCH, &[Toy { broken: true, ..Toy::of("a", 1) }]).await;
    stage.settled("acme", id).await;
    let tenant = "acme".parse().unwrap();
    assert!(stage.engine.outbox_lines(&tenant, 1).await.unwrap().is_empty());
    assert!(stage.engine.outbox_letters(&tenant, 1).await.unwrap().is_empty());
    assert!(workers.stop(Duration::from_secs(5)).await);
}
