//! Writes that happen once, wholly, and under their conditions.
//!
//! DynamoDB's `ADD` differs from ours where an item has expired, a field is no number, or a sum
//! leaves `i64`. An `Add` therefore carries a guard beside its condition; where the guard fails, the
//! item comes back with the refusal, the sum is made here, and put under the condition that nobody
//! has touched the item since.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use aws_sdk_dynamodb::types::error::TransactionCanceledException;
use base::store::{Action, Body, Key, StoreError, Version, When, Write, check_writes};
use jiff::Timestamp;
use uuid::Uuid;

use super::codec::{decode, encode, is_present};
use super::steps::{Refusal, Step};
use super::terms::Terms;
use super::{DynamoStore, read, unwritten};
use crate::aws::Trouble;
use crate::patience::{Given, Patience};

/// What became of an attempt.
enum Outcome {
    Applied,
    /// These are to be summed here; all that was asked holds.
    Sum(Vec<(usize, Body, Option<Version>)>),
    /// A sum was overtaken: everything is asked anew.
    Anew,
}

pub(super) async fn write(store: &DynamoStore, writes: Vec<Write>) -> Result<Version, StoreError> {
    check_writes(&writes)?;
    match writes.as_slice() {
        [Write { key, action: Action::Check, when }] => check(store, key, when).await,
        [Write { key, action: Action::Put(body), when: when @ (When::Absent | When::Version(_)) }] => {
            put(store, key, body, when).await
        }
        writes => transact(store, writes).await,
    }
}

/// A condition alone is a consistent read.
async fn check(store: &DynamoStore, key: &Key, when: &When) -> Result<Version, StoreError> {
    let now = store.now();
    let item = read::get(store, key).await?.filter(|item| is_present(item, now));
    if when.holds(item.as_ref()) { Ok(new_stamp()) } else { Err(StoreError::Failed(vec![0])) }
}

/// A put whose condition holds at most once.
async fn put(store: &DynamoStore, key: &Key, body: &Body, when: &When) -> Result<Version, StoreError> {
    let version = new_stamp();
    let mut terms = Terms::default();
    let condition = terms.when(when, store.now());
    let (names, values) = terms.finish();
    let call = store
        .client
        .put_item()
        .table_name(store.table_name(key.table))
        .set_item(Some(encode(key, body, version)))
        .set_condition_expression(condition)
        .set_expression_attribute_names(names)
        .set_expression_attribute_values(values)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let mut patience = Patience::new();
    loop {
        let error = match call.clone().send().await {
            Ok(_) => return Ok(version),
            Err(error) => error,
        };
        if let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() {
            let stands = failed.item.clone().map(|attributes| decode(key.table, attributes)).transpose()?;
            return match stands {
                Some(item) if item.version == Some(version) => Ok(version),
                // Ours may have been here and been written over.
                _ if patience.lost() => Err(StoreError::Unknown("a put whose answer was lost".to_owned())),
                _ => Err(StoreError::Failed(vec![0])),
            };
        }
        patience.bear(Trouble::of(&error)).await.map_err(unwritten)?;
    }
}

async fn transact(store: &DynamoStore, writes: &[Write]) -> Result<Version, StoreError> {
    let asked = || -> Vec<Step<'_>> { writes.iter().map(Step::Asked).collect() };
    let (mut steps, mut patience) = (asked(), Patience::new());
    loop {
        let (now, version) = (store.now(), new_stamp());
        match attempt(store, &steps, version, now, &mut patience).await? {
            Outcome::Applied => return Ok(version),
            Outcome::Sum(sums) => {
                for (at, body, seen) in sums {
                    steps[at] = Step::Summed(&writes[at], body, seen);
                }
            }
            Outcome::Anew => {
                steps = asked();
                patience.bear(Trouble::Later("a sum was overtaken".to_owned())).await.map_err(unwritten)?;
            }
        }
    }
}

/// Sends one transaction until it is known what became of it. The token and the reading of the
/// clock stay the same: a repetition must be the same transaction.
async fn attempt(
    store: &DynamoStore,
    steps: &[Step<'_>],
    version: Version,
    now: Timestamp,
    patience: &mut Patience,
) -> Result<Outcome, StoreError> {
    let items = steps.iter().map(|step| step.item(store, version, now)).collect::<Result<Vec<_>, _>>()?;
    let call = store
        .client
        .transact_write_items()
        .set_transact_items(Some(items))
        .client_request_token(version.0.simple().to_string());
    loop {
        let error = match call.clone().send().await {
            Ok(_) => return Ok(Outcome::Applied),
            Err(error) => error,
        };
        let trouble = match cancelled(&error) {
            Some(cancelled) => match judge(steps, cancelled, now)? {
                Verdict::Settled(outcome) => {
                    // The token says so of every repetition: nothing was applied.
                    patience.found();
                    return outcome;
                }
                Verdict::Again(trouble) => trouble,
            },
            None => Trouble::of(&error),
        };
        patience.bear(trouble).await.map_err(unwritten)?;
    }
}

fn cancelled(error: &SdkError<TransactWriteItemsError>) -> Option<&TransactionCanceledException> {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => Some(cancelled),
        _ => None,
    }
}

enum Verdict {
    Settled(Result<Outcome, StoreError>),
    Again(Trouble),
}

/// Reads the reasons, one for each step. While any of them is not about a condition, conditions may
/// not have been looked at, and `Failed` names all that do not hold: so the transaction is repeated.
fn judge(steps: &[Step<'_>], cancelled: &TransactionCanceledException, now: Timestamp) -> Result<Verdict, StoreError> {
    let (mut failed, mut sums, mut is_overtaken) = (Vec::new(), Vec::new(), false);
    for (at, (step, reason)) in steps.iter().zip(cancelled.cancellation_reasons()).enumerate() {
        match reason.code().unwrap_or("None") {
            "None" => {}
            "ConditionalCheckFailed" => match step.refused(reason.item.clone(), now)? {
                Refusal::Condition => failed.push(at),
                Refusal::Guard(body, seen) => sums.push((at, body, seen)),
                Refusal::Overtaken => is_overtaken = true,
            },
            code @ ("TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded") => {
                return Ok(Verdict::Again(Trouble::Later(code.to_owned())));
            }
            code => {
                let said = reason.message().unwrap_or_default().to_owned();
                return Ok(Verdict::Settled(Err(unwritten(Given::Refused(code.to_owned(), said)))));
            }
        }
    }
    Ok(Verdict::Settled(if is_overtaken {
        Ok(Outcome::Anew)
    } else if !failed.is_empty() {
        Err(StoreError::Failed(failed))
    } else if !sums.is_empty() {
        Ok(Outcome::Sum(sums))
    } else {
        Err(StoreError::Unavailable("a transaction was cancelled without a reason".to_owned()))
    }))
}

fn new_stamp() -> Version {
    Version(Uuid::now_v7())
}
