//! `carts.combine`: what lies in a cart, replaced by what becomes of it with another cart's items.
//!
//! The result is built beside what lies in the cart: of each of the sixteen digits one batch, which goes
//! through both carts in the order of ids. Then it takes the place of the other in one write, on the
//! condition that nothing was put in the cart or taken out since it was asked for; what is out of use is
//! removed. A batch that is run again goes on behind the last item it wrote; the switch is done once,
//! since it is seen from the cart whether it was.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use base::Scope;
use base::store::PAGE_MAX;
use jobs::{CommitError, Done, Failure, Job, JobKind, JobStatus, NewBatch, Plan, Run, Settled, Tally};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::query::{ADDED, PRESENT};
use super::{COMBINE, CombineParams, Kit, params, text};
use crate::model::{Item, Op};
use crate::service::items::{changes, chunk_len, insertion};
use crate::store::basket::digits;
use crate::store::{Basket, held};

/// Whether the result was put in the cart: a detail of the job.
pub const COMBINED: &str = "combined";

/// So many items are gathered before they are written.
const GATHERED_MAX: usize = 200;
/// How often the switch is tried against who renames the cart.
const TRIES_MAX: usize = 16;

/// One digit.
#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    cart: Uuid,
    digit: String,
    contents: Uuid,
    with: Uuid,
    into: Uuid,
    op: Op,
}

/// The kind.
pub struct Combine {
    kit: Arc<Kit>,
}

impl Combine {
    /// Works with this.
    pub fn new(kit: Arc<Kit>) -> Self {
        Self { kit }
    }

    /// Whether an earlier attempt to settle has put the result in its place. What was put there may be
    /// out of use again: then it is closed, and all sixteen batches of a complete job had opened it.
    async fn was_switched(&self, job: &Job, params: &CombineParams) -> Result<bool, Failure> {
        let cart = self.kit.cart_of(&job.tenant, params.cart).await?;
        if cart.is_some_and(|cart| cart.contents == params.into) {
            return Ok(true);
        }
        let into = self.kit.heads.contents(&job.tenant, params.into);
        Ok(job.status == JobStatus::Completed && into.stamps().await?.is_none())
    }

    /// Puts the result in the place of what lay in the cart; `false` when the cart was deleted.
    async fn switch(&self, job: &Job, params: &CombineParams) -> Result<bool, Failure> {
        for _ in 0..TRIES_MAX {
            let Some(cart) = self.kit.cart_of(&job.tenant, params.cart).await? else { return Ok(false) };
            // Whoever lost the lease may have come so far.
            if cart.contents == params.into {
                return Ok(true);
            }
            let stamps = self.kit.heads.basket(&cart).stamps().await?;
            if cart.contents != params.contents || stamps.as_ref() != Some(&params.seen) {
                return Err(Failure::permanent("The cart changed while it was combined; its items are as they were"));
            }
            // What was closed may have been swept while it was read.
            if self.kit.heads.contents(&job.tenant, params.with).stamps().await?.is_none() {
                return Err(Failure::permanent("The other cart was deleted or replaced while it was combined"));
            }
            if self.kit.heads.switch(&cart, &params.seen, params.into, job.updated_at).await? {
                return Ok(true);
            }
        }
        Err(Failure::permanent("The result of an earlier attempt was given up; ask for the combination again"))
    }
}

#[async_trait]
impl JobKind for Combine {
    fn name(&self) -> &'static str {
        COMBINE
    }

    fn scope(&self) -> Scope {
        Scope::JobsRead
    }

    async fn plan(&self, job: &Job, cursor: Option<&str>, max: usize) -> Result<Plan, Failure> {
        let CombineParams { cart, contents, with, into, op, .. } = params(job)?;
        let from: usize = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let batch = |digit: &str| {
            let payload = Payload { cart, digit: digit.to_owned(), contents, with, into, op };
            Ok(NewBatch { payload: text(&payload)?, records: 1 })
        };
        let batches: Vec<NewBatch> = digits().skip(from).take(max).map(batch).collect::<Result<_, Failure>>()?;
        let to = from + batches.len();
        Ok(Plan { batches, next: (to < digits().count()).then(|| to.to_string()) })
    }

    async fn batch(&self, run: &Run) -> Result<Done, Failure> {
        let payload: Payload = run.payload()?;
        self.kit.cart(run, payload.cart).await?;
        let [first, second, into] =
            [payload.contents, payload.with, payload.into].map(|id| self.kit.heads.contents(run.tenant(), id));
        match run.commit(vec![into.open_digit(&payload.digit)], run.tally()).await {
            // An earlier run has opened it.
            Ok(()) | Err(CommitError::Failed(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let after = into.last_of(&payload.digit).await?;
        let mut pair = Pair {
            first: Side::new(first, &payload.digit, after.clone()),
            second: Side::new(second, &payload.digit, after),
            op: payload.op,
        };
        let mut building =
            Building { kit: &self.kit, run, cart: payload.cart, into, items: Vec::new(), tally: run.tally() };
        while let Some((item, new)) = pair.next().await? {
            building.add(item, new).await?;
        }
        building.write_all().await?;
        let tally = Tally { processed: 1, ..building.tally };
        Ok(Done { writes: Vec::new(), tally })
    }

    async fn settle(&self, job: &Job) -> Result<Settled, Failure> {
        let params: CombineParams = params(job)?;
        let mut combined = self.was_switched(job, &params).await?;
        let due = !combined && job.status == JobStatus::Completed;
        if due {
            combined = self.switch(job, &params).await?;
        }
        let named = self.kit.cart_of(&job.tenant, params.cart).await?.map(|cart| cart.contents);
        let mut writes = Vec::new();
        for contents in [params.contents, params.into] {
            if named != Some(contents) {
                self.kit.heads.contents(&job.tenant, contents).sweep().await?;
                writes.push(held::strike(&job.tenant, params.cart, contents));
            }
        }
        Ok(Settled { details: serde_json::json!({ COMBINED: combined }), writes, cancelled: due && !combined })
    }
}

/// Two carts, item by item.
struct Pair {
    first: Side,
    second: Side,
    op: Op,
}

impl Pair {
    /// The next item of the result, and whether it was not in the first cart. Of an item of both the
    /// first cart's attributes stay.
    async fn next(&mut self) -> Result<Option<(Item, bool)>, Failure> {
        loop {
            let order = match (self.first.peek().await?, self.second.peek().await?) {
                (None, None) => return Ok(None),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(one), Some(other)) => one.id.cmp(&other.id),
            };
            let one = if order.is_le() { self.first.buffer.pop_front() } else { None };
            let other = if order.is_ge() { self.second.buffer.pop_front() } else { None };
            if self.op.keeps(order) {
                let new = one.is_none();
                return Ok(one.or(other).map(|item| (item, new)));
            }
        }
    }
}

/// The items of one digit of a cart, page by page.
struct Side {
    basket: Basket,
    digit: String,
    /// Where to go on; `None` behind the end.
    after: Option<Option<String>>,
    buffer: VecDeque<Item>,
}

impl Side {
    fn new(basket: Basket, digit: &str, after: Option<String>) -> Self {
        Self { basket, digit: digit.to_owned(), after: Some(after), buffer: VecDeque::new() }
    }

    async fn peek(&mut self) -> Result<Option<&Item>, Failure> {
        while self.buffer.is_empty() {
            let Some(after) = self.after.take() else { return Ok(None) };
            let page = self.basket.page_of(&self.digit, after, PAGE_MAX).await?;
            self.buffer.extend(page.items);
            self.after = page.next.map(Some);
        }
        Ok(self.buffer.front())
    }
}

/// The result of one digit, as it is written.
struct Building<'r> {
    kit: &'r Kit,
    run: &'r Run,
    cart: Uuid,
    into: Basket,
    items: Vec<(Item, bool)>,
    tally: Tally,
}

impl Building<'_> {
    async fn add(&mut self, item: Item, new: bool) -> Result<(), Failure> {
        self.items.push((item, new));
        if self.items.len() < GATHERED_MAX {
            return Ok(());
        }
        self.kit.cart(self.run, self.cart).await?;
        self.write().await
    }

    async fn write_all(&mut self) -> Result<(), Failure> {
        while !self.items.is_empty() {
            self.write().await?;
        }
        Ok(())
    }

    /// Writes as many as are one transaction, and counts them.
    async fn write(&mut self) -> Result<(), Failure> {
        let items: Vec<&Item> = self.items.iter().map(|(item, _)| item).collect();
        let chunk = &items[..chunk_len(&items)];
        let mut writes = insertion(&self.into, chunk)?;
        writes.extend(self.into.count(chunk[0].id.digit(), &changes(chunk)));
        let written = chunk.len();
        let new = self.items.iter().take(written).filter(|(_, new)| *new).count();
        let count = |name: &str, n: usize| {
            self.tally.extra.get(name).copied().unwrap_or(0) + i64::try_from(n).unwrap_or(i64::MAX)
        };
        let tally = self.tally.clone().with(ADDED, count(ADDED, new)).with(PRESENT, count(PRESENT, written - new));
        self.run.commit(writes, tally.clone()).await?;
        self.tally = tally;
        self.items.drain(..written);
        Ok(())
    }
}
