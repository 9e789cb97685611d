//! Any number of unconditional writes, 25 to a call, a few calls at a time.
//!
//! What DynamoDB leaves unprocessed, refuses for the moment, or does not answer for, is sent again:
//! a repetition writes the same item. Whoever writes in bulk is the only one who writes these
//! items, or does not mind which of two writes is the last.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{DeleteRequest, PutRequest, WriteRequest};
use base::store::{Bulk, StoreError, Table, Version, check_bulk, item_bytes};
use futures::{StreamExt as _, TryStreamExt as _};
use uuid::Uuid;

use super::codec::{encode, key};
use super::{DynamoStore, unwritten};
use crate::aws::Trouble;
use crate::patience::Patience;

/// As many as one call takes.
const BATCH: usize = 25;
/// A call may have 16 MiB, in which each byte of a text takes up to six.
const BATCH_BYTES: usize = (16 << 20) / 6;
/// How many calls are under way at once.
const ABREAST: usize = 4;

pub(super) async fn bulk(store: &DynamoStore, table: Table, writes: Vec<Bulk>) -> Result<(), StoreError> {
    check_bulk(&writes)?;
    let version = Version(Uuid::now_v7());
    let name = store.table_name(table);
    let calls: Vec<_> = batches(&writes).into_iter().map(|writes| batch(store, &name, writes, version)).collect();
    futures::stream::iter(calls).buffer_unordered(ABREAST).try_collect::<()>().await
}

/// What one call takes of these, again and again.
fn batches(mut writes: &[Bulk]) -> Vec<&[Bulk]> {
    let mut batches = Vec::new();
    while !writes.is_empty() {
        let mut left = BATCH_BYTES;
        let fits = |write: &&Bulk| {
            let fits = left.checked_sub(bytes(write));
            left = fits.unwrap_or_default();
            fits.is_some()
        };
        // One item is never too large for a call.
        let count = writes.iter().take(BATCH).take_while(fits).count().max(1);
        let (some, rest) = writes.split_at(count);
        batches.push(some);
        writes = rest;
    }
    batches
}

fn bytes(write: &Bulk) -> usize {
    match write {
        Bulk::Put(key, body) => item_bytes(key, body),
        Bulk::Delete(key) => key.partition.len() + key.sort.len(),
    }
}

async fn batch(store: &DynamoStore, table: &str, writes: &[Bulk], version: Version) -> Result<(), StoreError> {
    let requests = writes.iter().map(|write| request(write, version)).collect::<Result<Vec<_>, _>>();
    let requests = requests.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let mut left = HashMap::from([(table.to_owned(), requests)]);
    let mut patience = Patience::new();
    while !left.is_empty() {
        let call = store.client.batch_write_item().set_request_items(Some(left.clone()));
        let trouble = match call.send().await {
            Ok(answer) => {
                left = answer.unprocessed_items.unwrap_or_default();
                if left.is_empty() {
                    break;
                }
                Trouble::Later("unprocessed items".to_owned())
            }
            Err(error) => Trouble::of(&error),
        };
        patience.bear(trouble).await.map_err(unwritten)?;
    }
    Ok(())
}

fn request(write: &Bulk, version: Version) -> Result<WriteRequest, BuildError> {
    Ok(match write {
        Bulk::Put(place, body) => {
            let put = PutRequest::builder().set_item(Some(encode(place, body, version))).build()?;
            WriteRequest::builder().put_request(put).build()
        }
        Bulk::Delete(place) => {
            let delete = DeleteRequest::builder().set_key(Some(key(place))).build()?;
            WriteRequest::builder().delete_request(delete).build()
        }
    })
}

#[cfg(test)]
mod tests {
    use base::store::{Body, ITEM_BYTES_MAX, Key};

    use super::*;

    fn counts(bytes: usize, writes: usize) -> Vec<usize> {
        let put = |n: usize| {
            let key = Key::new(Table("t"), "p", n.to_string());
            Bulk::Put(key, Body::data("x".repeat(bytes)))
        };
        let writes: Vec<_> = (0..writes).map(put).collect();
        batches(&writes).iter().map(|some| some.len()).collect()
    }

    #[test]
    fn a_call_takes_25_items_and_no_more_bytes_than_it_may_have() {
        assert_eq!(counts(100, 60), [25, 25, 10]);
        let large = ITEM_BYTES_MAX - 10;
        assert_eq!(counts(large, 14), [6, 6, 2]);
        assert!(6 * 6 * large < 16 << 20, "also where each byte is escaped");
        assert_eq!(counts(100, 0), [0; 0]);
    }
}
