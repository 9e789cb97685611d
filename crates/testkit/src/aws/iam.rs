//! What a role has to allow for a call: the actions of IAM.
//!
//! After AWS's Service Authorization Reference: most actions are called as their operations are. A
//! transaction is no action; each of its steps is the action of a write or a check of its own. A batch of SQS
//! is the action of one message.

use serde_json::{Map, Value};

use super::Call;

/// The actions for one call of a service, which is named as in `X-Amz-Target`.
pub(super) fn actions(service: &str, call: &Call) -> Vec<String> {
    let operation = call.operation.as_str();
    match service {
        "DynamoDB_20120810" if operation == "TransactWriteItems" => {
            let steps = call.body["TransactItems"].as_array().into_iter().flatten();
            let kinds = steps.filter_map(Value::as_object).flat_map(Map::keys);
            kinds.map(|kind| format!("dynamodb:{kind}Item")).collect()
        }
        "DynamoDB_20120810" => vec![format!("dynamodb:{operation}")],
        "AmazonSQS" => vec![format!("sqs:{}", operation.strip_suffix("Batch").unwrap_or(operation))],
        "Logs_20140328" => vec![format!("logs:{operation}")],
        _ => vec![format!("{service}:{operation}")],
    }
}
