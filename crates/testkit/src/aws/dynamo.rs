//! DynamoDB: transactions as they ought to be, and what may go wrong.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::StatusCode;
use serde_json::{Value, json};

use super::dice::Fate;
use super::{Call, Reply, Service, State};

/// Below every sort key, and above every one that tests use.
const BEFORE_ALL: &str = "\u{0}";
const BEHIND_ALL: &str = "\u{10ffff}\u{10ffff}\u{10ffff}\u{10ffff}\u{10ffff}\u{10ffff}\u{10ffff}\u{10ffff}";

#[derive(Debug, Default)]
pub(super) struct Dynamo {
    /// Held while a request is with moto.
    gate: tokio::sync::Mutex<()>,
    /// Transactions that were done, by token: what was asked, and what was answered.
    done: Mutex<HashMap<String, (Value, Value)>>,
    /// The items of writes that are under way, and whether one is a transaction's.
    under_way: Mutex<HashMap<String, bool>>,
}

pub(super) async fn reply(state: &State, mut call: Call) -> Reply {
    let items = match call.operation.as_str() {
        "TransactWriteItems" => transaction_items(&call.body),
        "PutItem" | "UpdateItem" | "DeleteItem" => vec![item_of(&call.body)],
        "GetItem" | "BatchGetItem" | "BatchWriteItem" | "Query" | "Scan" => Vec::new(),
        _ => return state.forward(&call).await,
    };
    state.cuts.lag(Service::Dynamo).await;
    let fate = state.draw();
    let is_write = !items.is_empty() || call.operation == "BatchWriteItem";
    if let Some(refusal) = refusal(state, fate, is_write) {
        return refusal;
    }
    let is_transaction = call.operation == "TransactWriteItems";
    if is_transaction
        && !fate.forgotten
        && let Some(reply) = replay(state, &call.body)
    {
        return reply;
    }
    let Some(_under_way) = UnderWay::enter(state, &items, is_transaction) else {
        state.dice.count(|fired| &mut fired.overlaps);
        return conflict(&items, is_transaction, fate);
    };
    if fate.conflict && !items.is_empty() {
        state.dice.count(|fired| &mut fired.conflicts);
        return conflict(&items, is_transaction, fate);
    }
    let _gate = state.dynamo.gate.lock().await;
    if fate.empty_page
        && let Some(page) = empty_page(&call)
    {
        state.dice.count(|fired| &mut fired.empty_pages);
        return Reply::Answer(StatusCode::OK, page);
    }
    let held_back = if fate.unprocessed { hold_back(&mut call.body, fate.share) } else { None };
    let mut reply = state.forward(&call).await;
    if reply.is_ok() {
        if let (Some(held_back), Reply::Answer(_, body)) = (held_back, &mut reply) {
            if is_write {
                state.dice.count(|fired| &mut fired.unprocessed_writes);
                body["UnprocessedItems"] = held_back;
            } else {
                state.dice.count(|fired| &mut fired.unprocessed_reads);
                body["UnprocessedKeys"] = held_back;
            }
        }
        if let Reply::Answer(_, body) = &reply {
            remember(state, &call.body, body);
        }
        if fate.lost {
            state.dice.count(|fired| &mut fired.lost);
            if is_write {
                state.dice.count(|fired| &mut fired.lost_writes);
            }
            return Reply::Hangup;
        }
    }
    reply
}

/// What befalls a request before anything is done.
fn refusal(state: &State, fate: Fate, is_write: bool) -> Option<Reply> {
    if fate.throttled {
        state.dice.count(|fired| &mut fired.throttled);
        let code = if fate.share < 0.5 { "ProvisionedThroughputExceededException" } else { "ThrottlingException" };
        return Some(Reply::error(StatusCode::BAD_REQUEST, code));
    }
    fate.failed.then(|| {
        state.dice.count(|fired| &mut fired.failed);
        if is_write {
            state.dice.count(|fired| &mut fired.failed_writes);
        }
        Reply::error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError")
    })
}

/// The answer of a transaction that was done before.
fn replay(state: &State, body: &Value) -> Option<Reply> {
    let token = body["ClientRequestToken"].as_str()?;
    let done = lock(&state.dynamo.done);
    let (asked, answered) = done.get(token)?;
    if asked != body {
        return Some(Reply::error(StatusCode::BAD_REQUEST, "IdempotentParameterMismatchException"));
    }
    state.dice.count(|fired| &mut fired.replayed);
    Some(Reply::Answer(StatusCode::OK, answered.clone()))
}

fn remember(state: &State, asked: &Value, answered: &Value) {
    if let Some(token) = asked["ClientRequestToken"].as_str() {
        lock(&state.dynamo.done).insert(token.to_owned(), (asked.clone(), answered.clone()));
    }
}

fn conflict(items: &[String], is_transaction: bool, fate: Fate) -> Reply {
    if !is_transaction {
        return Reply::error(StatusCode::BAD_REQUEST, "TransactionConflictException");
    }
    let at = (fate.share * items.len() as f64) as usize;
    let reasons: Vec<Value> =
        (0..items.len()).map(|n| json!({ "Code": if n == at { "TransactionConflict" } else { "None" } })).collect();
    let code = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    let body = json!({ "__type": code, "message": "injected", "CancellationReasons": reasons });
    Reply::Answer(StatusCode::BAD_REQUEST, body)
}

/// An empty page that goes on from where the query or the scan stood; `None` for anything else, and
/// for a scan that has not begun, since its table may have any keys.
fn empty_page(call: &Call) -> Option<Value> {
    let asked = &call.body;
    let start = asked.get("ExclusiveStartKey").filter(|start| !start.is_null()).cloned();
    let last = match call.operation.as_str() {
        "Query" => start.unwrap_or_else(|| before_all(asked)),
        "Scan" => start?,
        _ => return None,
    };
    Some(json!({ "Items": [], "Count": 0, "ScannedCount": 0, "LastEvaluatedKey": last }))
}

/// Where a query has not begun yet.
fn before_all(query: &Value) -> Value {
    let sort = if query["ScanIndexForward"] == json!(false) { BEHIND_ALL } else { BEFORE_ALL };
    let condition = query["KeyConditionExpression"].as_str().unwrap_or_default();
    let partition = condition.split_whitespace().nth(2).unwrap_or_default();
    json!({ "pk": query["ExpressionAttributeValues"][partition], "sk": { "S": sort } })
}

/// Takes a part out of a batch, and returns it; nothing where there is nothing to take.
fn hold_back(body: &mut Value, share: f64) -> Option<Value> {
    let tables = body.get_mut("RequestItems")?.as_object_mut()?;
    let (name, table) = tables.iter_mut().next()?;
    let name = name.clone();
    let is_get = table.get("Keys").is_some();
    let requests = if is_get { table["Keys"].as_array_mut()? } else { table.as_array_mut()? };
    // A batch of AWS makes some progress: one at least is done.
    let kept = 1 + (share * requests.len().saturating_sub(1) as f64) as usize;
    if kept >= requests.len() {
        return None;
    }
    let rest = requests.split_off(kept);
    let mut held = json!(rest);
    if is_get {
        held = table.clone();
        held["Keys"] = json!(rest);
    }
    Some(json!({ name: held }))
}

/// The items that a transaction names.
fn transaction_items(body: &Value) -> Vec<String> {
    let steps = body["TransactItems"].as_array().into_iter().flatten();
    steps.filter_map(|step| step.as_object()?.values().next().map(item_of)).collect()
}

fn item_of(write: &Value) -> String {
    let key = if write["Key"].is_null() { &write["Item"] } else { &write["Key"] };
    format!("{} {} {}", write["TableName"], key["pk"]["S"], key["sk"]["S"])
}

/// That writes are under way; nobody else's transaction may touch their items until it is dropped.
struct UnderWay<'a> {
    state: &'a State,
    items: Vec<String>,
}

impl<'a> UnderWay<'a> {
    /// `None` when they overlap with a transaction, or are one that overlaps with anything.
    fn enter(state: &'a State, items: &[String], is_transaction: bool) -> Option<Self> {
        let mut under_way = lock(&state.dynamo.under_way);
        let overlaps = |item: &String| under_way.get(item).is_some_and(|other| *other || is_transaction);
        if items.iter().any(overlaps) {
            return None;
        }
        // Two single writes of one item may wait side by side; the first to leave takes it along.
        let items: HashSet<String> = items.iter().cloned().collect();
        under_way.extend(items.iter().map(|item| (item.clone(), is_transaction)));
        Some(Self { state, items: items.into_iter().collect() })
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut under_way = lock(&self.state.dynamo.under_way);
        for item in &self.items {
            under_way.remove(item);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
