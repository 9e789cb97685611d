//! SQS: what a standard queue may do to messages.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use http::StatusCode;
use serde_json::{Value, json};

use super::dice::Fate;
use super::{Call, Reply, State};

#[derive(Debug, Default)]
pub(super) struct Sqs {
    /// Messages to be delivered with a later poll, by queue.
    later: Mutex<HashMap<String, Vec<Value>>>,
}

pub(super) async fn reply(state: &State, call: Call) -> Reply {
    let fate = match call.operation.as_str() {
        "SendMessageBatch" | "DeleteMessageBatch" | "ReceiveMessage" => state.draw(),
        _ => return state.forward(&call).await,
    };
    if fate.throttled {
        state.dice.count(|fired| &mut fired.throttled);
        return Reply::error(StatusCode::BAD_REQUEST, "RequestThrottled");
    }
    if fate.failed {
        state.dice.count(|fired| &mut fired.failed);
        return Reply::error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError");
    }
    if call.operation == "ReceiveMessage" {
        return received(state, &call, fate).await;
    }
    let reply = state.forward(&call).await;
    if fate.lost && reply.is_ok() {
        state.dice.count(|fired| &mut fired.lost);
        return Reply::Hangup;
    }
    reply
}

async fn received(state: &State, call: &Call, fate: Fate) -> Reply {
    if fate.empty_poll {
        state.dice.count(|fired| &mut fired.empty_polls);
        return Reply::Answer(StatusCode::OK, json!({}));
    }
    let queue = call.body["QueueUrl"].as_str().unwrap_or_default().to_owned();
    let max = usize::try_from(call.body["MaxNumberOfMessages"].as_u64().unwrap_or(1)).unwrap_or(1);
    let kept = {
        let mut later = state.sqs.later.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = later.entry(queue.clone()).or_default();
        let some = max.min(kept.len());
        kept.drain(..some).collect::<Vec<_>>()
    };
    if !kept.is_empty() {
        return Reply::Answer(StatusCode::OK, json!({ "Messages": kept }));
    }
    let mut reply = state.forward(call).await;
    if let Reply::Answer(_, body) = &mut reply
        && let Some(messages) = body.get_mut("Messages").and_then(Value::as_array_mut)
    {
        disturb(state, messages, &queue, fate);
    }
    reply
}

/// Doubles, delays and turns around what was delivered.
fn disturb(state: &State, messages: &mut Vec<Value>, queue: &str, fate: Fate) {
    let mut later = state.sqs.later.lock().unwrap_or_else(PoisonError::into_inner);
    let later = later.entry(queue.to_owned()).or_default();
    if fate.duplicate {
        state.dice.count(|fired| &mut fired.duplicates);
        later.extend(messages.iter().cloned());
    }
    if fate.late && messages.len() > 1 {
        state.dice.count(|fired| &mut fired.late);
        later.extend(messages.pop());
    }
    if fate.reordered && messages.len() > 1 {
        state.dice.count(|fired| &mut fired.reordered);
        messages.reverse();
    }
}
