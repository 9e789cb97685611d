//! What is worked on: tasks that each have one effect.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base::store::{Key, Query, Table, Write};
use base::{Clock, Queue, Store, StoreExt as _, TenantId, key};
use jobs::{Deps, Done, Engine, Failure, FixedQuotas, NewTask, Registry, Run, Settings, Tally, TaskKind};
use tokio::task::JoinHandle;

pub(crate) const EFFECTS: Table = Table("effects");

pub(crate) fn tenant() -> TenantId {
    "acme".parse().unwrap()
}

pub(crate) fn engine(store: Arc<dyn Store>, queue: Arc<dyn Queue>, clock: Arc<dyn Clock>) -> Arc<Engine> {
    let mut registry = Registry::default();
    registry.task(Arc::new(Slow(clock.clone())));
    let settings = Settings {
        concurrency: 16,
        lease: Duration::from_secs(1),
        heartbeat: Duration::from_millis(200),
        sweep: Duration::from_millis(100),
        exclusive: false,
        ..Settings::default()
    };
    Engine::new(Deps { store, queue, clock, registry, quotas: Arc::new(FixedQuotas::default()), settings })
}

/// Takes a while, and has one effect. Twice is harmless: the effect is in the run's last write.
struct Slow(Arc<dyn Clock>);

#[async_trait]
impl TaskKind for Slow {
    fn name(&self) -> &'static str {
        "zombies.slow"
    }

    async fn run(&self, run: &Run) -> Result<Done, Failure> {
        self.0.sleep(Duration::from_millis(150)).await;
        Ok(Done { writes: vec![Write::add(effect(run.payload_text()), [("times", 1)])], tally: Tally::default() })
    }
}

/// What a task leaves.
fn effect(name: &str) -> Key {
    Key::new(EFFECTS, key![tenant(), "effects"], name)
}

/// So many of a caller's tasks may be on their way: what is left at the end has to come to its end, too.
const ON_THE_WAY_MAX: usize = 8;

/// Callers who ask for one task after the other, until they are told to end.
pub(crate) struct Callers {
    ending: Arc<AtomicBool>,
    callers: Vec<JoinHandle<()>>,
}

impl Callers {
    /// So many; what they ask for begins with `name`.
    pub(crate) fn start(
        engines: &[Arc<Engine>],
        (store, clock): (&Arc<dyn Store>, &Arc<dyn Clock>),
        name: &str,
        many: usize,
    ) -> Self {
        let (ending, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let callers = (0..many).map(|n| {
            let (engine, store, clock) = (engines[n % engines.len()].clone(), store.clone(), clock.clone());
            let (ending, next, name) = (ending.clone(), next.clone(), name.to_owned());
            tokio::spawn(async move {
                let mut on_the_way: VecDeque<String> = VecDeque::new();
                while !ending.load(Ordering::Relaxed) {
                    clock.sleep(Duration::from_millis(200)).await;
                    if on_the_way.len() == ON_THE_WAY_MAX {
                        if !matches!(store.get(effect(&on_the_way[0])).await, Ok(Some(_))) {
                            continue;
                        }
                        on_the_way.pop_front();
                    }
                    let name = format!("\"{name}{}\"", next.fetch_add(1, Ordering::Relaxed));
                    let new = NewTask::new("zombies.slow", name.clone());
                    // What a store far away did not say yes to was not acknowledged.
                    if engine.task_enqueue(&tenant(), new, Vec::new()).await.is_ok() {
                        println!("ack {name}");
                        on_the_way.push_back(name);
                    }
                }
            })
        });
        Self { callers: callers.collect(), ending }
    }

    pub(crate) async fn end(self) {
        self.ending.store(true, Ordering::Relaxed);
        for caller in self.callers {
            caller.await.unwrap();
        }
    }
}

/// Waits until nothing is left to do; an emulator that is too busy to say so is asked again.
pub(crate) async fn all_done(engine: &Engine, clock: &Arc<dyn Clock>) {
    while engine.queue_list().await.map_or(true, |depths| depths.iter().any(|depth| depth.waiting > 0)) {
        clock.sleep(Duration::from_millis(100)).await;
    }
}

/// Says what effects there are.
pub(crate) async fn tell(store: &dyn Store) {
    for item in store.query_all(Query::new(EFFECTS, key![tenant(), "effects"]).limit(1_000)).await.unwrap() {
        println!("effect {} {}", item.key.sort, item.int("times"));
    }
}
