//! `carts.query`: what a query finds, put in a cart.
//!
//! The planner reads the dataset page by page and writes down which records it found, some of them a
//! part; parts put them in the cart. Those of a page are sorted by the ids of their items before they are
//! cut into parts: the items of a part are neighbours in the cart, which is a few pages of a file instead
//! of as many as there are items, and parts that run at the same time mostly wait for different counts.
//!
//! A part is put in chunk by chunk, in an order that follows from the part alone. Each chunk is one
//! transaction of its items, their count and how far the part is, under the lease: so a part that is run
//! again goes on where it was, and what is added and what was there already is counted exactly.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use base::{Error, Scope};
use jobs::{CommitError, Done, Failure, Job, JobKind, NewBatch, Plan, Run, Tally};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Kit, QUERY, QueryParams, params, text};
use crate::model::item::{Entity, ID_CHARS_MAX};
use crate::model::{Filter, Item, ItemId};
use crate::service::items::{changes, chunk_len, insertion, set_apart};
use crate::store::Basket;

/// What is found weighs the bytes of its id, as JSON, and this: a part has at most 1,000 items.
const FOUND_WEIGHT: usize = 190;
/// At most so much in a part.
const PART_WEIGHT_MAX: usize = 190_000;
/// The heaviest that can be found: each character of its id may be escaped by six bytes.
const FOUND_WEIGHT_MAX: usize = FOUND_WEIGHT + 6 * ID_CHARS_MAX + 3;
/// How often a chunk is put in against others who change the cart.
const TRIES_MAX: usize = 64;
/// After so many records the planner saves where it is, whatever it found.
const RECORDS_MAX: usize = 50_000;

/// How many items are new in the cart: a counter of the job.
pub const ADDED: &str = "added";
/// How many were there already: a counter of the job.
pub const PRESENT: &str = "present";

/// A part: which records to put in which cart.
#[derive(Debug, Serialize, Deserialize)]
struct Part {
    cart: Uuid,
    entity_type: String,
    ids: BTreeSet<String>,
}

/// The kind.
pub struct Query {
    kit: Arc<Kit>,
}

impl Query {
    /// Works with this.
    pub fn new(kit: Arc<Kit>) -> Self {
        Self { kit }
    }
}

/// Where a plan goes on: how many records it has found, and behind which place it looks for more.
fn place(cursor: Option<&str>) -> (u64, Option<String>) {
    let cursor = cursor.and_then(|cursor| cursor.split_once(' '));
    cursor.map_or((0, None), |(found, place)| (found.parse().unwrap_or(0), Some(place.to_owned())))
}

/// What was found and is in no part yet.
struct Gathering {
    params: QueryParams,
    /// By the ids of their items; a record that is moved while it is read past is found twice.
    found: BTreeMap<ItemId, String>,
    weight: usize,
}

impl Gathering {
    /// Adds a record; says how many more that are.
    fn add(&mut self, id: String) -> Result<u64, Failure> {
        let weight = weight(&id)?;
        match self.found.entry(entity(&self.params.entity_type, id.clone()).id()) {
            Entry::Occupied(_) => Ok(0),
            Entry::Vacant(place) => {
                place.insert(id);
                self.weight += weight;
                Ok(1)
            }
        }
    }

    /// Whether one more could be too much for so many parts. A part that is closed lacks less than the
    /// heaviest would weigh.
    fn fills(&self, parts: usize) -> bool {
        self.weight + FOUND_WEIGHT_MAX > parts * (PART_WEIGHT_MAX - FOUND_WEIGHT_MAX)
    }

    fn into_parts(self) -> Result<Vec<NewBatch>, Failure> {
        let mut parts: Vec<(BTreeSet<String>, usize)> = Vec::new();
        for id in self.found.into_values() {
            let weight = weight(&id)?;
            match parts.last_mut() {
                Some((ids, all)) if *all + weight <= PART_WEIGHT_MAX => {
                    ids.insert(id);
                    *all += weight;
                }
                _ => parts.push((BTreeSet::from([id]), weight)),
            }
        }
        let batch = |(ids, _): (BTreeSet<String>, usize)| {
            let records = i64::try_from(ids.len()).unwrap_or(i64::MAX);
            let part = Part { cart: self.params.cart, entity_type: self.params.entity_type.clone(), ids };
            Ok(NewBatch { payload: text(&part)?, records })
        };
        parts.into_iter().map(batch).collect()
    }
}

fn weight(id: &String) -> Result<usize, Failure> {
    Ok(FOUND_WEIGHT + text(id)?.len() + 1)
}

fn entity(entity_type: &str, entity_id: String) -> Entity {
    Entity { entity_type: entity_type.to_owned(), entity_id, entity_version: None }
}

#[async_trait]
impl JobKind for Query {
    fn name(&self) -> &'static str {
        QUERY
    }

    fn scope(&self) -> Scope {
        Scope::JobsRead
    }

    async fn plan(&self, job: &Job, cursor: Option<&str>, max: usize) -> Result<Plan, Failure> {
        let params: QueryParams = params(job)?;
        let filter = Filter::parse(&params.filters)?;
        let (mut found, after) = place(cursor);
        let (limit, mut looked_at) = (params.limit, 0);
        let mut records = self.kit.catalog.read(&params.view, &params.entity_type, after).await?;
        let mut gathering = Gathering { params, found: BTreeMap::new(), weight: 0 };
        let mut next = None;
        while found < limit {
            let Some(record) = records.next().await? else { break };
            looked_at += 1;
            if filter.selects(&record.text) {
                found += gathering.add(record.id)?;
            }
            if gathering.fills(max) || looked_at == RECORDS_MAX {
                next = Some(format!("{found} {}", record.place));
                break;
            }
        }
        Ok(Plan { batches: gathering.into_parts()?, next })
    }

    async fn batch(&self, run: &Run) -> Result<Done, Failure> {
        let part: Part = run.payload()?;
        let cart = self.kit.cart(run, part.cart).await?;
        let basket = self.kit.heads.basket(&cart);
        let mut filling = Filling { kit: &self.kit, run, cart: part.cart, basket, tally: run.tally() };
        let items = items(part, run)?;
        let items: Vec<&Item> = items.iter().collect();
        loop {
            let done = usize::try_from(filling.tally.processed).unwrap_or(0);
            let rest = items.get(done..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(Done { writes: Vec::new(), tally: filling.tally });
            }
            filling.put(&rest[..chunk_len(rest)]).await?;
        }
    }
}

/// The items of a part in the order of their ids, and so digit by digit.
fn items(part: Part, run: &Run) -> Result<Vec<Item>, Failure> {
    let now = run.now()?;
    let item = |entity_id| {
        let entity = entity(&part.entity_type, entity_id);
        Item { id: entity.id(), entity, attributes: None, content_hash: None, added_at: now }
    };
    let mut items: Vec<Item> = part.ids.into_iter().map(item).collect();
    // Ids are different, so a repeated run arrives at the same order.
    items.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    Ok(items)
}

/// A part that is being put in.
struct Filling<'r> {
    kit: &'r Kit,
    run: &'r Run,
    cart: Uuid,
    basket: Basket,
    tally: Tally,
}

impl Filling<'_> {
    /// Puts in a chunk: what is not there, and counts what is.
    async fn put(&mut self, chunk: &[&Item]) -> Result<(), Failure> {
        let mut absent = chunk.to_vec();
        for _ in 0..TRIES_MAX {
            let mut writes = insertion(&self.basket, &absent)?;
            let count_at = writes.len();
            writes.extend(self.basket.count(chunk[0].id.digit(), &changes(&absent)));
            let tally = self.tally_with(absent.len(), chunk.len());
            match self.run.commit(writes, tally.clone()).await {
                Ok(()) => {
                    self.tally = tally;
                    return Ok(());
                }
                Err(CommitError::Failed(failed)) if failed.contains(&count_at) => {
                    let cart = self.kit.cart(self.run, self.cart).await?;
                    self.basket = self.kit.heads.basket(&cart);
                    absent = chunk.to_vec();
                }
                Err(CommitError::Failed(failed)) => drop(set_apart(&mut absent, &failed)),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::unavailable("a cart changed too often").into())
    }

    /// What the part has done with one chunk more, of which so many items are new.
    fn tally_with(&self, new: usize, all: usize) -> Tally {
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let before = |name: &str| self.tally.extra.get(name).copied().unwrap_or(0);
        Tally::processed(self.tally.processed + count(all))
            .with(ADDED, before(ADDED) + count(new))
            .with(PRESENT, before(PRESENT) + count(all - new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids of every length, the longest of characters that are escaped.
    fn ids() -> impl Iterator<Item = String> {
        (0..).map(|n: usize| {
            let length = [1, 20, 200, ID_CHARS_MAX][n % 4] - 1;
            format!("{n}{}", "\u{1f}".repeat(length)).chars().take(ID_CHARS_MAX).collect()
        })
    }

    #[test]
    fn what_is_found_fits_the_parts_that_were_asked_for() {
        let view = crate::model::catalog::View { tenant: "t".parse().unwrap(), anonymous: false, sensitive: false };
        for most in [1, 2, 5, 20] {
            for long in [true, false] {
                let (view, filters) = (view.clone(), "{}".to_owned());
                let params = QueryParams { cart: Uuid::nil(), view, entity_type: "t".to_owned(), filters, limit: 0 };
                let mut gathering = Gathering { params, found: BTreeMap::new(), weight: 0 };
                let mut added = 0;
                for id in ids().filter(|id| long || id.len() < 30) {
                    added += i64::try_from(gathering.add(id).unwrap()).unwrap();
                    if gathering.fills(most) {
                        break;
                    }
                }
                let parts = gathering.into_parts().unwrap();
                assert!(parts.len() <= most, "{} instead of {most}", parts.len());
                assert!(parts.iter().all(|part| part.records <= 1_000 && part.payload.len() <= 200_000));
                assert_eq!(parts.iter().map(|part| part.records).sum::<i64>(), added);
            }
        }
    }
}
