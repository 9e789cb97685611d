//! The kind of job that computes an answer, one for each resource.
//!
//! Being run twice is harmless: the same question is asked again, and its answer is stored in the place
//! of what was there when it was asked, under the lease.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::Scope;
use jobs::{Done, Failure, Job, JobKind, NewBatch, Plan, Registry, Run, Settled, Tally};

use crate::answer::Answer;
use crate::reader::Deps;
use crate::resource::produced;
use crate::store::Shelf;
use crate::{Resource, Subject, guess};

/// For how long after a job failed no other is made.
pub const FAILED_FOR: Duration = Duration::from_secs(60);

/// Teaches the engine the kind of a resource.
pub fn register(registry: &mut Registry, deps: &Deps, resource: Arc<dyn Resource>) {
    registry.job(Arc::new(Refresh { shelf: Shelf::new(deps.store.clone()), deps: deps.clone(), resource }));
}

struct Refresh {
    deps: Deps,
    shelf: Shelf,
    resource: Arc<dyn Resource>,
}

#[async_trait]
impl JobKind for Refresh {
    fn name(&self) -> &'static str {
        self.resource.spec().name
    }

    fn scope(&self) -> Scope {
        self.resource.spec().scope
    }

    async fn plan(&self, job: &Job, _cursor: Option<&str>, _max: usize) -> Result<Plan, Failure> {
        Ok(Plan { batches: vec![NewBatch { payload: job.params.clone(), records: 1 }], next: None })
    }

    async fn batch(&self, run: &Run) -> Result<Done, Failure> {
        let (subject, spec, tenant): (Subject, _, _) = (run.payload()?, self.resource.spec(), run.tenant());
        let seen = self.shelf.look(tenant, spec, &subject).await?;
        let at = run.now()?;
        let text = produced(&*self.resource, &subject, at).await?;
        let answer = Answer::new(text, at, seen.answer.as_ref());
        let put = Shelf::put(tenant, spec, &subject, &answer)?.when(seen.unchanged);
        run.commit(vec![put], Tally::default()).await?;
        // Before the job ends, so that who waits for its end finds the answer.
        guess::put(&*self.deps.cache, &guess::key(tenant, spec, &subject), &answer, spec).await;
        Ok(Done { writes: Vec::new(), tally: Tally::processed(1) })
    }

    async fn settle(&self, job: &Job) -> Result<Settled, Failure> {
        let mut writes = Vec::new();
        if job.counts.batches_failed > 0 {
            let subject: Subject =
                serde_json::from_str(&job.params).map_err(|error| Failure::permanent(error.to_string()))?;
            let failed = (job.id, self.deps.clock.now(), FAILED_FOR);
            writes.push(Shelf::fail(&job.tenant, self.resource.spec(), &subject, failed));
        }
        Ok(Settled { details: job.details.clone(), writes, ..Settled::default() })
    }
}
