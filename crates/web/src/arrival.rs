//! What is known of a request before anybody looked at what it wants.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use base::RequestId;
use http::request::Parts;
use jiff::Timestamp;

use crate::{Kit, Problem};

/// Made by the edge for each request, and found in its extensions from then on.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// What the program is made of.
    pub(crate) kit: Arc<Kit>,
    /// Names the request.
    pub(crate) request_id: RequestId,
    /// Where it came from.
    pub(crate) source: IpAddr,
    /// When, by the wall clock.
    pub(crate) at: Timestamp,
    /// When, by the monotonic clock.
    pub(crate) started: Duration,
    /// The path, without the query.
    pub(crate) path: String,
}

impl Arrival {
    /// The arrival of a request that came through the edge.
    pub(crate) fn of(request: &Request) -> Result<Self, Problem> {
        request.extensions().get::<Self>().cloned().ok_or_else(missing)
    }

    /// The same, for an extractor.
    pub(crate) fn of_parts(parts: &Parts) -> Result<&Self, Problem> {
        parts.extensions.get::<Self>().ok_or_else(missing)
    }

    /// What is left of a bound that began with the request.
    pub(crate) fn left(&self, bound: Duration) -> Duration {
        bound.saturating_sub(self.kit.clock.monotonic().saturating_sub(self.started))
    }
}

fn missing() -> Problem {
    base::Error::internal("the route was called without web::App around it").into()
}
