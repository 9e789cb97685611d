//! Work without workers: for a process that may do something only while it is called.
//!
//! Such a process (a function of AWS Lambda) is stopped when it has answered, for a moment or for
//! good. So nothing here is spawned: what a call starts is a part of the call, and ends with it. At
//! `until` no task is started any more and what runs is handed back, uncharged, as when a worker
//! stops, and rings for another call; what could not even be handed back within [`HAND_BACK_MAX`] is
//! dropped, and its lease runs out.
//!
//! A task whose kind has no room does not ring again: with thousands of them, ringing alone would be all
//! that is done. It waits as it does beside workers, until a run of the kind ends in this process, and
//! what waits in a process that is never called again is due at the next tick.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use base::queue::{Ring, Topic};
use base::{Result, TaskId, TenantId};
use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::rows::task::{DUE_SHARDS, task_of_sort, topic_name};
use crate::worker::{Crew, Heeded};
use crate::{Engine, Priority};

/// How long after `until` handing tasks back may take.
pub const HAND_BACK_MAX: Duration = Duration::from_secs(3);

/// Of each tenant and shard at most so many due tasks are run before the next look: a tenant with a
/// million tasks does not keep another's one from its turn.
const TURN: usize = 16;

/// What is due of so many tenants is looked for before it is run: with very many of them, looking alone
/// would take the time of a call.
const TENANTS: usize = 50;

/// A task and the instant it is due at, as its due item has them: a task that stays due because
/// somebody else runs it is looked at once.
type Seen = HashSet<(TaskId, String)>;

impl Engine {
    /// Answers rings of a topic: claims each one's task and runs it to its end, as many at once as
    /// workers would. Returns for each whether it was answered; one that was not is to be delivered again.
    ///
    /// `until` is an instant of the engine's monotonic clock.
    pub async fn rings_answer(self: &Arc<Self>, topic: &Topic, rings: Vec<Ring>, until: Duration) -> Vec<bool> {
        self.rings_answer_before(Next::Nothing, topic, rings, until).await
    }

    async fn rings_answer_before(
        self: &Arc<Self>,
        next: Next,
        topic: &Topic,
        rings: Vec<Ring>,
        until: Duration,
    ) -> Vec<bool> {
        if self.clock.monotonic() >= until {
            return vec![false; rings.len()];
        }
        let call = Call { crew: Crew::new(self), cut: CancellationToken::new(), next };
        let answers = join_all(rings.into_iter().map(|ring| call.answer(self, topic, ring)));
        tokio::select! {
            biased;
            answers = answers => answers,
            never = call.close(self, until) => match never {},
        }
    }

    /// Runs what is due (ticks of schedules and pruning are tasks like any other) until nothing is or
    /// `until` has come, then sweeps, so that what is left rings. Returns whether anything is left.
    ///
    /// `until` is an instant of the engine's monotonic clock.
    ///
    /// # Errors
    /// What the store says.
    pub async fn run_due(self: &Arc<Self>, until: Duration) -> Result<bool> {
        let mut seen = Seen::new();
        while self.clock.monotonic() < until {
            let mut found = false;
            for priority in Priority::ALL {
                found |= self.run_due_topic(topic_name(*priority), &mut seen, until).await?;
            }
            if !found {
                break;
            }
        }
        let left = (until + HAND_BACK_MAX).saturating_sub(self.clock.monotonic());
        tokio::select! {
            biased;
            more = self.sweep() => more,
            () = self.clock.sleep(left) => Ok(true),
        }
    }

    /// Runs what is due in a topic and was not seen yet, of every tenant some. Returns whether anything
    /// was.
    async fn run_due_topic(self: &Arc<Self>, topic: &'static str, seen: &mut Seen, until: Duration) -> Result<bool> {
        let mut found = false;
        for tenants in self.tenants_with_work(topic).await?.chunks(TENANTS) {
            if self.clock.monotonic() >= until {
                break;
            }
            let rings = self.due_rings(topic, tenants, seen).await?;
            found |= !rings.is_empty();
            self.rings_answer_before(Next::Sweep, &Topic::new(topic), rings, until).await;
        }
        Ok(found)
    }

    /// Rings for due tasks of a topic that were not seen yet, of each of these tenants some.
    async fn due_rings(&self, topic: &'static str, tenants: &[TenantId], seen: &mut Seen) -> Result<Vec<Ring>> {
        let mut rings = Vec::new();
        for tenant in tenants {
            for shard in 0..DUE_SHARDS {
                let mut after = None;
                loop {
                    let due = self.due_query(tenant, topic, shard).limit(TURN).after(after);
                    let slice = self.store.query(due).await?;
                    let before = rings.len();
                    for item in slice.items {
                        let Some(task) = task_of_sort(&item.key.sort) else { continue };
                        if seen.insert((task, item.key.sort)) {
                            rings.push(Ring { task, group: tenant.clone(), delay: Duration::ZERO });
                        }
                    }
                    after = slice.next;
                    if after.is_none() || rings.len() > before {
                        break;
                    }
                }
            }
        }
        Ok(rings)
    }
}

/// What follows in the same call.
#[derive(Clone, Copy)]
enum Next {
    /// Nothing that would ring.
    Nothing,
    /// A sweep, which rings for whatever is left.
    Sweep,
}

/// One call: who runs its tasks, and when they are let go.
struct Call {
    crew: Crew,
    cut: CancellationToken,
    next: Next,
}

impl Call {
    async fn answer(&self, engine: &Engine, topic: &Topic, ring: Ring) -> bool {
        let answered = async {
            let Some(permit) = self.crew.permits(1).await else { return Heeded::Stopped };
            self.crew.heed(&ring, permit, std::future::ready(())).await
        };
        let heeded = tokio::select! {
            biased;
            heeded = answered => heeded,
            () = self.cut.cancelled() => return false,
        };
        let delay = match (heeded, self.next) {
            (Heeded::Over, _) | (Heeded::Stopped, Next::Sweep) => return true,
            (Heeded::Full(kind), _) => {
                engine.wait_for_room(&ring.group, kind, ring.task);
                return true;
            }
            // Whoever is called next may begin at once. A delivery that is left unanswered hides for as long
            // as a call could last, several times over.
            (Heeded::Stopped, Next::Nothing) => Duration::ZERO,
            (Heeded::Again(delay), _) => delay,
        };
        engine.ring_again(topic, ring, delay).await.is_ok()
    }

    /// Ends the call when it is time to.
    async fn close(&self, engine: &Engine, until: Duration) -> Infallible {
        engine.clock.sleep(until.saturating_sub(engine.clock.monotonic())).await;
        self.crew.listening.cancel();
        self.crew.running.cancel();
        engine.clock.sleep(HAND_BACK_MAX).await;
        self.cut.cancel();
        std::future::pending().await
    }
}
