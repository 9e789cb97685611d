//! CloudWatch Logs: events that are not taken, or are and nobody says so.

use http::StatusCode;

use super::{Call, Reply, State};

pub(super) async fn reply(state: &State, call: Call) -> Reply {
    let fate = state.draw();
    if fate.throttled {
        state.dice.count(|fired| &mut fired.throttled);
        return Reply::error(StatusCode::BAD_REQUEST, "ThrottlingException");
    }
    if fate.failed {
        state.dice.count(|fired| &mut fired.failed);
        return Reply::error(StatusCode::INTERNAL_SERVER_ERROR, "ServiceUnavailableException");
    }
    let reply = state.forward(&call).await;
    if fate.lost && reply.is_ok() {
        state.dice.count(|fired| &mut fired.lost);
        return Reply::Hangup;
    }
    reply
}
