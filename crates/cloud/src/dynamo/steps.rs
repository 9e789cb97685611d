//! The steps of a transaction: as DynamoDB takes them, and what it means that it refused one.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use base::store::{Action, Body, Item, Key, StoreError, Version, Write};
use jiff::Timestamp;

use super::DynamoStore;
use super::codec::{Attributes, PARTITION, decode, encode, is_present, key};
use super::terms::{Terms, sums};

/// One write on its way: as it was asked, or as a sum that was made here.
pub(super) enum Step<'a> {
    Asked(&'a Write),
    /// The body that an `Add` makes of the item that had this stamp.
    Summed(&'a Write, Body, Option<Version>),
}

/// Why a step's condition did not hold.
pub(super) enum Refusal {
    /// What its caller asked does not hold.
    Condition,
    /// It holds, but the sum has to be made here: this body, of the item with this stamp.
    Guard(Body, Option<Version>),
    /// Somebody wrote the item while its sum was made.
    Overtaken,
}

impl Step<'_> {
    /// What refused it, judged by the item that stood there.
    pub(super) fn refused(&self, stood: Option<Attributes>, now: Timestamp) -> Result<Refusal, StoreError> {
        let Self::Asked(write) = self else { return Ok(Refusal::Overtaken) };
        let stood = stood.map(|attributes| decode(write.key.table, attributes)).transpose()?;
        let seen = stood.as_ref().and_then(|item| item.version);
        let present = stood.filter(|item| is_present(item, now));
        Ok(match &write.action {
            Action::Add(fields) if write.when.holds(present.as_ref()) => Refusal::Guard(summed(present, fields), seen),
            _ => Refusal::Condition,
        })
    }

    /// As DynamoDB takes it.
    pub(super) fn item(
        &self,
        store: &DynamoStore,
        version: Version,
        now: Timestamp,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut terms = Terms::default();
        match self {
            Self::Asked(write) => {
                let condition = terms.when(&write.when, now);
                match &write.action {
                    Action::Put(body) => put_step(store, &write.key, body, version, condition, terms),
                    Action::Delete => delete_step(store, &write.key, condition, terms),
                    Action::Add(fields) => add_step(store, &write.key, fields, version, now, condition, terms),
                    Action::Check => check_step(store, &write.key, condition, terms),
                }
            }
            Self::Summed(write, body, seen) => {
                let condition = terms.unmoved(*seen);
                put_step(store, &write.key, body, version, Some(condition), terms)
            }
        }
        .map_err(|error| StoreError::Unavailable(error.to_string()))
    }
}

/// What an `Add` makes of an item, present or not.
fn summed(present: Option<Item>, fields: &[(String, i64)]) -> Body {
    let mut body = present.map(|item| item.body).unwrap_or_default();
    body.add(fields);
    body
}

type Built = Result<TransactWriteItem, BuildError>;

const ALL_OLD: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;

fn put_step(
    store: &DynamoStore,
    place: &Key,
    body: &Body,
    version: Version,
    condition: Option<String>,
    terms: Terms,
) -> Built {
    let (names, values) = terms.finish();
    let put = Put::builder()
        .table_name(store.table_name(place.table))
        .set_item(Some(encode(place, body, version)))
        .set_condition_expression(condition)
        .set_expression_attribute_names(names)
        .set_expression_attribute_values(values)
        .return_values_on_condition_check_failure(ALL_OLD)
        .build()?;
    Ok(TransactWriteItem::builder().put(put).build())
}

fn delete_step(store: &DynamoStore, place: &Key, condition: Option<String>, terms: Terms) -> Built {
    let (names, values) = terms.finish();
    let delete = Delete::builder()
        .table_name(store.table_name(place.table))
        .set_key(Some(key(place)))
        .set_condition_expression(condition)
        .set_expression_attribute_names(names)
        .set_expression_attribute_values(values)
        .return_values_on_condition_check_failure(ALL_OLD)
        .build()?;
    Ok(TransactWriteItem::builder().delete(delete).build())
}

fn add_step(
    store: &DynamoStore,
    place: &Key,
    fields: &[(String, i64)],
    version: Version,
    now: Timestamp,
    condition: Option<String>,
    mut terms: Terms,
) -> Built {
    let sums = sums(fields);
    let guard = terms.addable(&sums, now);
    let condition = match condition {
        Some(condition) => format!("{condition} AND {guard}"),
        None => guard,
    };
    let update = terms.add(&sums, version);
    let (names, values) = terms.finish();
    let update = Update::builder()
        .table_name(store.table_name(place.table))
        .set_key(Some(key(place)))
        .update_expression(update)
        .condition_expression(condition)
        .set_expression_attribute_names(names)
        .set_expression_attribute_values(values)
        .return_values_on_condition_check_failure(ALL_OLD)
        .build()?;
    Ok(TransactWriteItem::builder().update(update).build())
}

fn check_step(store: &DynamoStore, place: &Key, condition: Option<String>, terms: Terms) -> Built {
    // DynamoDB's check has to have a condition, ours need not.
    let always = || format!("attribute_exists({PARTITION}) OR attribute_not_exists({PARTITION})");
    let (names, values) = terms.finish();
    let check = ConditionCheck::builder()
        .table_name(store.table_name(place.table))
        .set_key(Some(key(place)))
        .condition_expression(condition.unwrap_or_else(always))
        .set_expression_attribute_names(names)
        .set_expression_attribute_values(values)
        .return_values_on_condition_check_failure(ALL_OLD)
        .build()?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
}
