//! The steps of a history, drawn by chance from a world small enough that they meet.

use std::time::Duration;

use base::clock::{ManualClock, add};
use base::store::{Action, Body, Bulk, Field, Item, Key, Order, Query, Range, StoreError, Table, Version, When, Write};
use base::{Store, StoreExt as _};
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, RngExt as _};
use uuid::Uuid;

/// When every history begins.
pub(crate) const START: Timestamp = Timestamp::constant(1_772_366_400, 0);
pub(crate) const TABLE: Table = Table("model");
const PARTITIONS: [&str; 2] = ["acme", "zeta"];
const SORTS: [&str; 9] = ["A", "a", "a\u{1}b", "aa", "b", "\u{e9}", "\u{ffff}", "\u{10000}", "\u{10ffff}"];
const NAMES: [&str; 3] = ["n", "data", "a.b"];
const NUMBERS: [i64; 6] = [0, 1, -1, 7, i64::MAX, i64::MIN];
/// How many items one call of a bulk takes, and how many a long bulk has at most.
const BATCH: usize = 25;
const BULK_MAX: usize = 40;
/// How often a write is repeated whose answer was lost.
const TRIES: usize = 20;

/// One thing to do, the same for every store.
#[derive(Debug)]
pub(crate) enum Step {
    Write(Vec<Write>),
    /// Writes on the condition that each item is as it is read just before.
    Change(Vec<Write>),
    Bulk(Vec<Bulk>),
    GetMany(Vec<Key>),
    Query(Query),
    Count(&'static str, Range),
    Pass(Duration),
}

impl Step {
    pub(crate) fn draw(rng: &mut StdRng) -> Self {
        match rng.random_range(0..20) {
            0..=6 => Self::Write(keys(rng, 4).into_iter().map(|key| write(rng, key)).collect()),
            7..=9 => Self::Change(keys(rng, 3).into_iter().map(|key| write(rng, key)).collect()),
            10..=11 => Self::Bulk(bulk_keys(rng).into_iter().map(|key| bulk(rng, key)).collect()),
            12..=13 => Self::GetMany((0..rng.random_range(0..6)).map(|_| one_key(rng)).collect()),
            14..=16 => Self::Query(query(rng)),
            17 => Self::Count(partition(rng), range(rng)),
            _ => Self::Pass(Duration::from_millis(rng.random_range(0..20_000))),
        }
    }

    /// Takes the step on a store, and says what it answered, without what may differ.
    pub(crate) async fn take(&self, store: &dyn Store) -> String {
        match self {
            Self::Write(writes) => format!("{:?}", settled(store, writes.clone()).await),
            Self::Change(writes) => {
                let keys: Vec<Key> = writes.iter().map(|write| write.key.clone()).collect();
                match store.get_many(&keys).await {
                    Ok(items) => {
                        let seen = items.into_iter().map(|item| item.map_or(When::Absent, |item| item.unchanged()));
                        let writes = writes.iter().cloned().zip(seen).map(|(write, when)| write.when(when)).collect();
                        format!("{:?}", settled(store, writes).await)
                    }
                    Err(error) => format!("{error:?}"),
                }
            }
            Self::Bulk(writes) => format!("{:?}", store.bulk(TABLE, writes.clone()).await),
            Self::GetMany(keys) => {
                let items = store.get_many(keys).await;
                format!("{:?}", items.map(|items| items.into_iter().map(|item| item.map(told)).collect::<Vec<_>>()))
            }
            Self::Query(query) => {
                let items = store.query_all(query.clone()).await;
                format!("{:?}", items.map(|items| items.into_iter().map(told).collect::<Vec<_>>()))
            }
            Self::Count(partition, range) => format!("{:?}", store.count(TABLE, partition, range.clone()).await),
            Self::Pass(_) => String::new(),
        }
    }

    /// Whether it is a bulk of more items than one call takes.
    pub(crate) fn is_long_bulk(&self) -> bool {
        matches!(self, Self::Bulk(writes) if writes.len() > BATCH)
    }

    /// Whether several items are written that were read just before.
    pub(crate) fn changes_several(&self) -> bool {
        matches!(self, Self::Change(writes) if writes.len() > 1)
    }

    /// Lets time pass, once for all stores.
    pub(crate) fn pass(&self, clock: &ManualClock) {
        if let Self::Pass(by) = self {
            clock.advance(*by);
        }
    }
}

/// A write by the only writer there is: an answer that was lost is asked for again.
async fn settled(store: &dyn Store, writes: Vec<Write>) -> Result<(), StoreError> {
    let mut answer = store.write(writes.clone()).await;
    for _ in 0..TRIES {
        if !matches!(answer, Err(StoreError::Busy | StoreError::Unknown(_))) {
            break;
        }
        answer = store.write(writes.clone()).await;
    }
    answer.map(drop)
}

/// An item without its stamp, which no two stores share.
fn told(item: Item) -> (String, bool, Body) {
    (item.key.sort, item.version.is_some(), item.body)
}

fn pick<T: Copy>(rng: &mut impl Rng, of: &[T]) -> T {
    *of.choose(rng).unwrap()
}

fn partition(rng: &mut impl Rng) -> &'static str {
    pick(rng, &PARTITIONS)
}

fn one_key(rng: &mut impl Rng) -> Key {
    Key::new(TABLE, partition(rng), pick(rng, &SORTS))
}

/// Up to so many keys, each once.
fn keys(rng: &mut impl Rng, most: usize) -> Vec<Key> {
    let mut keys: Vec<Key> = (0..rng.random_range(1..=most)).map(|_| one_key(rng)).collect();
    keys.sort();
    keys.dedup();
    keys
}

/// The keys of a bulk: a few of those that everything meets at, or more than one call takes.
fn bulk_keys(rng: &mut impl Rng) -> Vec<Key> {
    if rng.random_bool(0.75) {
        return keys(rng, 6);
    }
    let (partition, count) = (partition(rng), rng.random_range(BATCH + 1..=BULK_MAX));
    (0..count).map(|n| Key::new(TABLE, partition, format!("a{n:02}"))).collect()
}

fn write(rng: &mut impl Rng, key: Key) -> Write {
    let when = when(rng);
    let action = match rng.random_range(0..8) {
        0..=3 => Action::Put(body(rng)),
        4 => Action::Delete,
        5..=6 => Action::Add(sums(rng)),
        _ => Action::Check,
    };
    Write { key, action, when }
}

/// What to add, to each field once.
fn sums(rng: &mut impl Rng) -> Vec<(String, i64)> {
    let names = NAMES.iter().filter(|_| rng.random_bool(0.5)).map(|name| (*name).to_owned()).collect::<Vec<_>>();
    names.into_iter().map(|name| (name, pick(rng, &NUMBERS))).collect()
}

fn bulk(rng: &mut impl Rng, key: Key) -> Bulk {
    if rng.random_bool(0.7) { Bulk::Put(key, body(rng)) } else { Bulk::Delete(key) }
}

fn when(rng: &mut impl Rng) -> When {
    match rng.random_range(0..10) {
        0..=3 => When::Always,
        4..=5 => When::Absent,
        6..=7 => When::Present,
        8 => When::Version(Version(Uuid::from_u128(1))),
        _ => When::Is(name(rng), field(rng)),
    }
}

fn body(rng: &mut impl Rng) -> Body {
    let mut body = Body::default();
    for _ in 0..rng.random_range(0..3) {
        body.fields.insert(name(rng), field(rng));
    }
    if rng.random_bool(0.7) {
        body.data = Some(pick(rng, &["{}", "[1.0,1e5]", "\"\u{e9}\u{1f600}\"", ""]).to_owned());
    }
    if rng.random_bool(0.3) {
        body.expires = Some(add(START, Duration::from_micros(rng.random_range(0..120_000_000))));
    }
    body
}

fn name(rng: &mut impl Rng) -> String {
    pick(rng, &NAMES).to_owned()
}

/// A number or a text. Booleans are left to the conformance suite: moto takes `false` for 0 in
/// conditions, which DynamoDB does not.
fn field(rng: &mut impl Rng) -> Field {
    match rng.random_range(0..3) {
        0 => Field::Str(pick(rng, &["", "1", "x"]).to_owned()),
        _ => Field::Int(pick(rng, &NUMBERS)),
    }
}

fn query(rng: &mut impl Rng) -> Query {
    let mut query = Query::new(TABLE, partition(rng)).range(range(rng)).limit(pick(rng, &[1, 2, 5, 100]));
    if rng.random_bool(0.5) {
        query.order = Order::Descending;
    }
    if rng.random_bool(0.4) {
        query.after = Some(pick(rng, &SORTS).to_owned());
    }
    query
}

fn range(rng: &mut impl Rng) -> Range {
    match rng.random_range(0..3) {
        0 => Range::All,
        1 => Range::Prefix(pick(rng, &["", "a", "\u{10ffff}", "x"]).to_owned()),
        _ => Range::Between(pick(rng, &SORTS).to_owned(), pick(rng, &SORTS).to_owned()),
    }
}
