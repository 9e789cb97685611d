//! Reading: consistent, whole, and without what has expired.
//!
//! A query asks DynamoDB for the hull of what is wanted, both ends included, and leaves out what
//! lies outside: its language has one condition on the sort key, and ours has a range *and* a
//! place to go on from, which it would refuse outside of the range.

use std::collections::HashMap;
use std::ops::Bound;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use base::store::{
    Item, Key, Order, PAGE_BYTES_MAX, PARTITION_BYTES_MAX, Query, Range, SORT_BYTES_MAX, Slice, StoreError, Table,
    check_get_many, check_key, check_query, item_bytes,
};

use super::codec::{Attributes, EXPIRES, PARTITION, SORT, decode, is_present, key, place, text};
use super::terms::Terms;
use super::{DynamoStore, read_answer, unread};
use crate::aws::Trouble;
use crate::patience::Patience;

// A page that DynamoDB ended at its own megabyte ends ours; only what is far from it is added to.
/// How many items an inner page of a count may have.
const COUNT_PAGE: usize = 1_000;
/// How many items an inner page of a query may have at least, once one was not enough: what has expired may
/// stand by the hundred before what is wanted.
const QUERY_PAGE_MIN: usize = 100;

pub(super) async fn get_many(store: &DynamoStore, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
    check_get_many(keys)?;
    keys.iter().try_for_each(check_key)?;
    let now = store.now();
    let found = match keys {
        [] => return Ok(Vec::new()),
        [key] => get(store, key).await?.into_iter().map(|item| (item.key.clone(), item)).collect(),
        _ => get_batch(store, keys).await?,
    };
    let present = |key: &Key| found.get(key).filter(|item| is_present(item, now)).cloned();
    Ok(keys.iter().map(present).collect())
}

/// One item, expired or not.
pub(super) async fn get(store: &DynamoStore, place: &Key) -> Result<Option<Item>, StoreError> {
    let get = store.client.get_item().table_name(store.table_name(place.table)).set_key(Some(key(place)));
    let get = get.consistent_read(true);
    let answer = read_answer(|| get.clone().send()).await?;
    answer.item.map(|attributes| decode(place.table, attributes)).transpose()
}

/// The items that there are, expired or not, asked for until none is left unprocessed.
async fn get_batch(store: &DynamoStore, keys: &[Key]) -> Result<HashMap<Key, Item>, StoreError> {
    let mut wanted: HashMap<Table, Vec<Attributes>> = HashMap::new();
    let mut named: Vec<&Key> = keys.iter().collect();
    named.sort_unstable();
    named.dedup();
    for place in named {
        wanted.entry(place.table).or_default().push(key(place));
    }
    let tables: HashMap<String, Table> = wanted.keys().map(|table| (store.table_name(*table), *table)).collect();
    let mut left: HashMap<String, KeysAndAttributes> = HashMap::new();
    for (table, keys) in wanted {
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        left.insert(store.table_name(table), keys.map_err(|error| StoreError::Unavailable(error.to_string()))?);
    }
    let mut found = HashMap::with_capacity(keys.len());
    let mut patience = Patience::new();
    while !left.is_empty() {
        let get = store.client.batch_get_item().set_request_items(Some(left.clone()));
        let answer = match get.send().await {
            Ok(answer) => answer,
            Err(error) => {
                patience.bear(Trouble::of(&error)).await.map_err(unread)?;
                continue;
            }
        };
        for (name, items) in answer.responses.unwrap_or_default() {
            let table = *tables.get(&name).ok_or_else(|| StoreError::Damaged(format!("items of {name}")))?;
            for attributes in items {
                let item = decode(table, attributes)?;
                found.insert(item.key.clone(), item);
            }
        }
        left = answer.unprocessed_keys.unwrap_or_default();
        if !left.is_empty() {
            patience.bear(Trouble::Later("unprocessed keys".to_owned())).await.map_err(unread)?;
        }
    }
    Ok(found)
}

pub(super) async fn query(store: &DynamoStore, query: Query) -> Result<Slice, StoreError> {
    check_query(&query)?;
    let now = store.now();
    let Some(hull) = Hull::of(&query) else { return Ok(Slice { items: Vec::new(), next: None }) };
    let mut slice = Slice { items: Vec::new(), next: None };
    let (mut bytes, mut from) = (0, None);
    loop {
        // What the hull has too much may stand at both ends.
        let limit = query.limit - slice.items.len() + 2;
        let limit = if from.is_some() { limit.max(QUERY_PAGE_MIN) } else { limit };
        let page = page(store, &query, &hull, limit, from.take(), None).await?;
        for attributes in page.items {
            let item = decode(query.table, attributes)?;
            bytes += item_bytes(&item.key, &item.body);
            if hull.holds(&item.key.sort) && is_present(&item, now) {
                slice.items.push(item);
            }
        }
        if slice.items.len() >= query.limit {
            let is_more = slice.items.len() > query.limit || page.last.is_some();
            slice.items.truncate(query.limit);
            slice.next = slice.items.last().filter(|_| is_more).map(|item| item.key.sort.clone());
            return Ok(slice);
        }
        let Some(last) = page.last else { return Ok(slice) };
        if bytes >= PAGE_BYTES_MAX / 4 {
            slice.next = Some(place(query.table, &mut last.clone())?.sort);
            return Ok(slice);
        }
        from = Some(last);
    }
}

pub(super) async fn count(store: &DynamoStore, table: Table, partition: &str, range: Range) -> Result<u64, StoreError> {
    let now = store.now();
    let query = Query::new(table, partition).range(range).limit(COUNT_PAGE);
    let Some(hull) = Hull::of(&query) else { return Ok(0) };
    let (mut count, mut from) = (0, None);
    loop {
        let page = page(store, &query, &hull, COUNT_PAGE, from, Some(&[PARTITION, SORT, EXPIRES])).await?;
        for attributes in page.items {
            let item = decode(table, attributes)?;
            count += u64::from(hull.holds(&item.key.sort) && is_present(&item, now));
        }
        match page.last {
            Some(last) => from = Some(last),
            None => return Ok(count),
        }
    }
}

struct Page {
    items: Vec<Attributes>,
    /// Where DynamoDB stopped, if it did not reach the end.
    last: Option<Attributes>,
}

async fn page(
    store: &DynamoStore,
    query: &Query,
    hull: &Hull,
    limit: usize,
    from: Option<Attributes>,
    only: Option<&[&str]>,
) -> Result<Page, StoreError> {
    let mut terms = Terms::default();
    let condition = hull.condition(&query.partition, &mut terms);
    let projection = only.map(|names| names.iter().map(|name| terms.name(name)).collect::<Vec<_>>().join(", "));
    let (names, values) = terms.finish();
    let call = store
        .client
        .query()
        .table_name(store.table_name(query.table))
        .consistent_read(true)
        .scan_index_forward(query.order == Order::Ascending)
        .limit(i32::try_from(limit).unwrap_or(i32::MAX))
        .key_condition_expression(condition)
        .set_projection_expression(projection)
        .set_expression_attribute_names(names)
        .set_expression_attribute_values(values)
        .set_exclusive_start_key(from);
    let answer = read_answer(|| call.clone().send()).await?;
    Ok(Page { items: answer.items.unwrap_or_default(), last: answer.last_evaluated_key })
}

/// The sort keys that are wanted: exactly, and as DynamoDB is asked for them.
struct Hull {
    bounds: (Bound<String>, Bound<String>),
    least: Option<String>,
    most: Option<String>,
}

impl Hull {
    /// `None` when no key can be in it.
    fn of(query: &Query) -> Option<Self> {
        let (mut start, mut end) = query.range.bounds();
        if let Some(after) = &query.after {
            match query.order {
                Order::Ascending if edge(&start).is_none_or(|start| start <= after.as_str()) => {
                    start = Bound::Excluded(after.clone())
                }
                Order::Descending if edge(&end).is_none_or(|end| end >= after.as_str()) => {
                    end = Bound::Excluded(after.clone())
                }
                _ => {}
            }
        }
        // No key is longer than its limit, and none is empty: such an end bounds nothing that way.
        let least = edge(&start).filter(|key| !key.is_empty()).map(shortened);
        let most = edge(&end).filter(|key| key.len() <= SORT_BYTES_MAX).map(str::to_owned);
        let asks_nothing = match (edge(&start), edge(&end)) {
            (_, Some("")) => true,
            (Some(least), Some(most)) => least > most,
            _ => false,
        };
        let fits = (1..=PARTITION_BYTES_MAX).contains(&query.partition.len());
        (fits && !asks_nothing).then_some(Self { bounds: (start, end), least, most })
    }

    fn holds(&self, sort: &str) -> bool {
        let starts = match &self.bounds.0 {
            Bound::Included(start) => sort >= start.as_str(),
            Bound::Excluded(start) => sort > start.as_str(),
            Bound::Unbounded => true,
        };
        let ends = match &self.bounds.1 {
            Bound::Included(end) => sort <= end.as_str(),
            Bound::Excluded(end) => sort < end.as_str(),
            Bound::Unbounded => true,
        };
        starts && ends
    }

    fn condition(&self, partition: &str, terms: &mut Terms) -> String {
        let partition = terms.value(text(partition));
        let sort = match (&self.least, &self.most) {
            (None, None) => return format!("{PARTITION} = {partition}"),
            (Some(least), None) => format!("{SORT} >= {}", terms.value(text(least))),
            (None, Some(most)) => format!("{SORT} <= {}", terms.value(text(most))),
            (Some(least), Some(most)) => {
                format!("{SORT} BETWEEN {} AND {}", terms.value(text(least)), terms.value(text(most)))
            }
        };
        format!("{PARTITION} = {partition} AND {sort}")
    }
}

fn edge(bound: &Bound<String>) -> Option<&str> {
    match bound {
        Bound::Included(key) | Bound::Excluded(key) => Some(key),
        Bound::Unbounded => None,
    }
}

/// The longest key within the limit that is not above this one.
fn shortened(key: &str) -> String {
    key[..key.floor_char_boundary(SORT_BYTES_MAX)].to_owned()
}
