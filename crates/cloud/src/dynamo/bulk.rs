//! Any number of unconditional writes, 25 to a call, a few calls at a time.
//!
//! What DynamoDB leaves unprocessed, refuses for the moment, or does not answer for, is sent again:
//! a repetition writes the same item. Whoever writes in bulk is the only one who writes these
//! items, or does not mind which of two writes is the last.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{DeleteRequest, PutRequest, WriteRequest};
use base::store::{Bulk, StoreError, Table, Version, check_bulk};
use futures::{StreamExt as _, TryStreamExt as _};
use uuid::Uuid;

use super::codec::{encode, key};
use super::{DynamoStore, unwritten};
use crate::aws::Trouble;
use crate::patience::Patience;

/// As many as one call takes.
const BATCH: usize = 25;
/// How many calls are under way at once.
const ABREAST: usize = 4;

pub(super) async fn bulk(store: &DynamoStore, table: Table, writes: Vec<Bulk>) -> Result<(), StoreError> {
    check_bulk(&writes)?;
    let version = Version(Uuid::now_v7());
    let name = store.table_name(table);
    let calls: Vec<_> = writes.chunks(BATCH).map(|writes| batch(store, &name, writes, version)).collect();
    futures::stream::iter(calls).buffer_unordered(ABREAST).try_collect::<()>().await
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
