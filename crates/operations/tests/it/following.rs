//! Logs as they come, on a clock that only the test moves.

use std::sync::Arc;
use std::time::Duration;

use base::JobId;
use base::clock::ManualClock;
use base::memory::{MemoryQueue, MemoryStore};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use jobs::Workers;
use operations::contract::{Stage, Toy};
use operations::model::Resume;
use operations::service::{HOLD, LIFETIME, News, SEATS_MAX, Told};

const TENANT: &str = "acme";

struct World {
    clock: ManualClock,
    stage: Stage,
    _workers: Workers,
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::at("2026-01-02T03:04:05Z".parse().unwrap());
        let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
        let queue = Arc::new(MemoryQueue::new(Arc::new(clock.clone())));
        let stage = Stage::over(store, queue, Arc::new(clock.clone()));
        let _workers = stage.engine.workers_start();
        Self { clock, stage, _workers }
    }

    /// Lets everything run that can, then lets the time pass, in steps of a quarter second.
    async fn pass(&self, time: Duration) {
        let step = Duration::from_millis(250);
        let mut passed = Duration::ZERO;
        loop {
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
            if passed >= time {
                return;
            }
            self.clock.advance(step);
            passed += step;
        }
    }

    async fn make(&self, toys: &[Toy]) -> JobId {
        let id = self.stage.make(TENANT, Stage::FETCH, toys).await;
        self.pass(Duration::ZERO).await;
        id
    }

    async fn follow(&self, id: JobId, seen: Resume) -> Follower {
        let ctx = self.stage.ctx(TENANT, "reader");
        let told = self.stage.operations.job_events(&ctx, id, seen).await.unwrap().unwrap();
        Follower(told.boxed())
    }

    fn tail(&self, seen: Resume) -> Follower {
        let ctx = self.stage.ctx(TENANT, "reader");
        let told = self.stage.operations.journal_events(&ctx, None, None, seen).unwrap();
        Follower(told.boxed())
    }
}

struct Follower(BoxStream<'static, Told>);

impl Follower {
    /// What is told without any time passing; `None` at the end = the stream is over.
    fn now(&mut self) -> Vec<Option<Told>> {
        let mut told = Vec::new();
        while let Some(news) = futures::FutureExt::now_or_never(self.0.next()) {
            let over = news.is_none();
            told.push(news);
            if over {
                break;
            }
        }
        told
    }

    /// The records of the lines that are told within some time, and what was seen with the last.
    async fn records(&mut self, world: &World, time: Duration) -> (Vec<String>, Resume) {
        let (mut records, mut seen) = (Vec::new(), Resume::default());
        let step = Duration::from_millis(250);
        for _ in 0..=time.as_millis() / step.as_millis() {
            for told in self.now().into_iter().flatten() {
                if let News::Line(line) = told.news {
                    records.push(line.record.unwrap_or_default());
                    seen = told.seen;
                }
            }
            world.pass(step).await;
        }
        (records, seen)
    }
}

/// Without the lines about no record, which say how a job ended.
fn named(records: &[String]) -> Vec<&String> {
    records.iter().filter(|record| !record.is_empty()).collect()
}

fn gated(name: &str) -> Toy {
    Toy { gated: true, ..Toy::of(name, 1) }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_line_that_reaches_the_store_late_is_told_in_its_place() {
    let world = World::new();
    let mut follower = world.tail(Resume::default());
    // The first job's line waits in its worker for the next heartbeat, two seconds away.
    world.make(&[gated("late")]).await;
    world.pass(SECOND).await;
    // The second job's line is in the store at once, since its batch ends.
    world.make(&[Toy::of("prompt", 1)]).await;
    let (records, _) = follower.records(&world, HOLD - SECOND * 2).await;
    assert_eq!(records, Vec::<String>::new(), "nothing is told before it is {HOLD:?} old");
    let (records, seen) = follower.records(&world, SECOND * 4).await;
    assert_eq!(named(&records), ["late", "prompt"]);

    world.make(&[Toy::of("next", 1)]).await;
    let (records, _) = world.tail(seen).records(&world, HOLD + SECOND * 2).await;
    assert_eq!(named(&records), ["next"], "who comes back misses none and hears none twice");
}

#[tokio::test]
async fn progress_and_the_end_are_told_at_once() {
    let world = World::new();
    let id = world.make(&[Toy::of("a", 1), gated("b")]).await;
    let mut follower = world.follow(id, Resume::default()).await;
    let told = follower.now();
    let [Some(Told { news: News::Progress(job), seen })] = &told[..] else { panic!("{told:?}") };
    assert_eq!((job.counts.processed, job.counts.total, seen.id()), (1, 2, None));
    world.pass(SECOND * 3).await;
    assert_eq!(follower.now().len(), 0, "nothing has changed");

    world.stage.switch.gate.add_permits(1);
    world.pass(SECOND * 2).await;
    let told: Vec<Told> = follower.now().into_iter().flatten().collect();
    let line = |told: &Told| match &told.news {
        News::Line(line) => line.record.clone(),
        _ => None,
    };
    let mut records: Vec<String> = told.iter().filter_map(line).collect();
    records.sort();
    assert_eq!(records, ["a", "b"], "all lines, however young");
    assert!(matches!(told.last().unwrap().news, News::End(_)));
    assert!(told.last().unwrap().seen.ended);
}

#[tokio::test]
async fn a_feed_ends_by_itself_and_goes_on() {
    let world = World::new();
    let id = world.make(&[gated("a")]).await;
    let mut follower = world.follow(id, Resume::default()).await;
    let (records, seen) = follower.records(&world, HOLD * 2).await;
    assert_eq!(named(&records), ["a"]);
    let mut over = false;
    for _ in 0..LIFETIME.as_secs() + 2 {
        world.clock.advance(SECOND);
        world.pass(Duration::ZERO).await;
        over |= follower.now().iter().any(Option::is_none);
    }
    assert!(over, "a connection is fed for {LIFETIME:?}");
    world.stage.switch.gate.add_permits(1);
    let mut follower = world.follow(id, seen).await;
    let (records, _) = follower.records(&world, SECOND * 5).await;
    assert_eq!(records, [""], "only the line that says how it ended is left");
}

#[tokio::test]
async fn a_tenant_follows_so_much_at_once_and_no_more() {
    let world = World::new();
    let id = world.make(&[gated("a")]).await;
    let mut open = Vec::new();
    for _ in 0..SEATS_MAX {
        open.push(world.follow(id, Resume::default()).await);
    }
    let client = world.stage.client(TENANT, "reader");
    let path = format!("/api/v1/jobs/{id}/events");
    let refused = client.get(&path).await.expect(429);
    assert_eq!(refused.header("retry-after"), Some("5"));
    client.get("/api/v1/journal/tail").await.expect(429);
    open.pop();
    world.follow(id, Resume::default()).await;
}
