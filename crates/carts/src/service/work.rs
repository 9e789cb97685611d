//! What runs as a job: filling a cart by a query, combining two.

use std::time::Duration;

use ::jobs::{Job, NewJob};
use base::{Ctx, Error, ErrorKind, JobId, Result};

use super::{Carts, missing, moved};
use crate::jobs::{COMBINE, CombineParams, QUERY, QueryParams};
use crate::model::{Asked, Filter, Op, View};
use crate::store::held;

/// At most so many items come of a query.
pub const ITEMS_MAX: u64 = 1_000_000;
/// How often a combination is begun again because the cart changed at that moment.
const TRIES_MAX: usize = 16;

/// A query, as it was asked for.
#[derive(Clone, Debug)]
pub struct Question {
    /// Records of which dataset.
    pub entity_type: String,
    /// Which of them, as it was sent.
    pub filters: String,
    /// At most so many, the first ones of the dataset's order.
    pub limit: Option<u64>,
}

/// A job and what is known of its plan.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The job.
    pub job: Job,
    /// Whether everything there is to do is known.
    pub planned: bool,
}

impl Carts {
    /// Checks a question.
    ///
    /// # Errors
    /// `Invalid`, naming the path in the request.
    async fn check(&self, view: &View, question: &Question) -> Result<(Filter, u64)> {
        let filter = Filter::parse(&question.filters)?;
        let limit = question.limit.unwrap_or(ITEMS_MAX);
        if !(1..=ITEMS_MAX).contains(&limit) {
            return Err(Error::invalid("limit", format!("Must be a whole number from 1 to {ITEMS_MAX}")));
        }
        if self.deps.catalog.knows(view, &question.entity_type).await? {
            return Ok((filter, limit));
        }
        let name = base::id::shown(&question.entity_type);
        Err(Error::invalid("entity_type", format!("There is no dataset {name}")))
    }

    /// How many items a query would find.
    ///
    /// # Errors
    /// `NotFound` when there is no such cart; `Invalid`, naming the path in the request.
    pub async fn query_count(&self, ctx: &Ctx, asked: Asked, question: &Question) -> Result<u64> {
        let view = View::of(ctx);
        let (filter, limit) = self.check(&view, question).await?;
        self.cart_use(ctx, asked).await?;
        let mut records = self.deps.catalog.read(&view, &question.entity_type, None).await?;
        let mut found = 0;
        while found < limit {
            let Some(record) = records.next().await? else { break };
            found += u64::from(filter.selects(&record.text));
        }
        Ok(found)
    }

    /// Starts a job that puts what a query finds in a cart.
    ///
    /// # Errors
    /// As for [`query_count`](Self::query_count).
    pub async fn query_start(&self, ctx: &Ctx, asked: Asked, question: Question) -> Result<Progress> {
        let view = View::of(ctx);
        let (_, limit) = self.check(&view, &question).await?;
        let cart = self.cart_use(ctx, asked).await?;
        let Question { entity_type, filters, .. } = question;
        let params = QueryParams { cart: cart.id, view, entity_type, filters, limit };
        let params = serde_json::to_string(&params).map_err(Error::internal)?;
        let writes = vec![self.heads.is_there(&cart)];
        let started = self.engine.job_enqueue(ctx, NewJob { writes, ..NewJob::new(QUERY, params) }).await;
        let job = started.map_err(|error| if moved(&error) { missing(cart.id) } else { error })?.job;
        Ok(Progress { job, planned: false })
    }

    /// Starts a job that replaces the items of a cart by what becomes of them with those of another.
    ///
    /// # Errors
    /// `NotFound` when there is no such cart; `Invalid` when there is no such other one.
    pub async fn combine_start(&self, ctx: &Ctx, asked: Asked, with: Asked, op: Op) -> Result<Progress> {
        for _ in 0..TRIES_MAX {
            let cart = self.cart_use(ctx, asked).await?;
            let other = self.cart_find(ctx, with).await.map_err(|error| match error.kind() {
                ErrorKind::NotFound => Error::invalid("with", "You have no such cart"),
                _ => error,
            })?;
            let Some(seen) = self.heads.basket(&cart).stamps().await? else { continue };
            let into = ctx.uuid("contents");
            let params = CombineParams { cart: cart.id, seen, contents: cart.contents, with: other.contents, op, into };
            let params = serde_json::to_string(&params).map_err(Error::internal)?;
            let writes = vec![self.heads.is_there(&cart), held::put(&cart, into)];
            match self.engine.job_enqueue(ctx, NewJob { writes, ..NewJob::new(COMBINE, params) }).await {
                Ok(started) => return Ok(Progress { job: started.job, planned: false }),
                Err(error) if moved(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::unavailable("a cart changed too often"))
    }

    /// How far a job of the caller is.
    ///
    /// # Errors
    /// `NotFound`, also when it is not the caller's or no job of carts.
    pub async fn job_get(&self, ctx: &Ctx, id: JobId) -> Result<Progress> {
        // What was planned before is counted by who looks afterwards.
        let planned = self.engine.job_planned(&ctx.tenant, id).await?;
        let job = self.engine.job_get(&ctx.tenant, id).await?;
        let own = |job: &Job| job.created_by == ctx.principal.as_str() && [QUERY, COMBINE].contains(&job.kind.as_str());
        let job = job.filter(own).ok_or_else(|| Error::not_found(format!("Job {id} not found")))?;
        Ok(Progress { planned: planned || job.settled, job })
    }

    /// Waits for the end of a job of the caller, at most so long.
    ///
    /// # Errors
    /// As for [`job_get`](Self::job_get).
    pub async fn job_wait(&self, ctx: &Ctx, id: JobId, wait: Duration) -> Result<()> {
        self.job_get(ctx, id).await?;
        self.engine.job_wait(&ctx.tenant, id, wait).await.map(drop)
    }

    /// Stops a job of the caller; what it has written stays.
    ///
    /// # Errors
    /// As for [`job_get`](Self::job_get); `Conflict` when it has come to its end already.
    pub async fn job_cancel(&self, ctx: &Ctx, id: JobId) -> Result<Progress> {
        let Progress { planned, .. } = self.job_get(ctx, id).await?;
        let job = self.engine.job_cancel(ctx, id).await?;
        Ok(Progress { job, planned })
    }
}
