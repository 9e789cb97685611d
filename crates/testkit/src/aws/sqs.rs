//! SQS.

use super::{Call, Reply, State};

#[derive(Debug, Default)]
pub(super) struct Sqs {}

pub(super) async fn reply(state: &State, call: Call) -> Reply {
    state.forward(&call).await
}
