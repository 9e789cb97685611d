//! Answers that are handed on whole: for whoever calls the router without a socket.
//!
//! Where an answer is a message (AWS Lambda hands back one JSON document for each invocation), it
//! has to be there before a deadline, and it has to fit. [`Whole`] in a request's extensions says
//! so. A stream of events is cut at the deadline, since its reader comes back for the rest; any other
//! answer that is late or too large is a problem in its place, never half an answer. What no request can be
//! made of has an answer too: [`Unreadable`].

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use base::{Clock, Error, ErrorKind};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;

use crate::Problem;

/// How an answer has to be: put into a request's extensions by who hands it to the router.
#[derive(Clone, Copy, Debug)]
pub struct Whole {
    /// At most so many bytes of body.
    pub bytes_max: usize,
    /// The answer is there by then, of the kit's monotonic clock.
    pub until: Duration,
}

/// That what came is no request: put into the extensions of one that stands in for it. It is answered with this
/// failure, as a problem like any other, before anything else is looked at.
#[derive(Clone, Debug)]
pub struct Unreadable(pub Error);

/// An answer that somebody waited for is made and gathered in this time.
const GATHER: Duration = Duration::from_secs(1);

impl Whole {
    /// How long anything may be waited for, so that the answer can still be given.
    pub(crate) fn left(self, clock: &dyn Clock) -> Duration {
        self.until.saturating_sub(clock.monotonic() + GATHER)
    }

    /// The answer as it has to be, or a problem in its place.
    pub(crate) async fn of(self, clock: &dyn Clock, running: impl Future<Output = Response>) -> Response {
        let over = clock.sleep(self.until.saturating_sub(clock.monotonic()));
        let mut over = std::pin::pin!(over);
        let response = tokio::select! {
            biased;
            response = running => response,
            () = &mut over => return late().into_response(),
        };
        let (parts, mut body) = response.into_parts();
        let events = parts.headers.get(CONTENT_TYPE).is_some_and(|media| media == "text/event-stream");
        let mut gathered = Vec::new();
        loop {
            let frame = tokio::select! {
                biased;
                frame = body.frame() => frame,
                () = &mut over => if events { None } else { return late().into_response() },
            };
            match frame.map(|frame| frame.map(|frame| frame.into_data().unwrap_or_default())) {
                None => return Response::from_parts(parts, Body::from(Bytes::from(gathered))),
                Some(Ok(data)) => gathered.extend_from_slice(&data),
                Some(Err(error)) => return Problem::from(Error::internal(error)).into_response(),
            }
            if gathered.len() > self.bytes_max {
                return large(self.bytes_max).into_response();
            }
        }
    }
}

fn late() -> Problem {
    Error::new(ErrorKind::Timeout, "The request took too long. It may have been applied.").into()
}

fn large(most: usize) -> Problem {
    let text = format!("The answer has more than the {most} bytes that can be sent from here: ask for less at a time");
    Problem::with_status(StatusCode::NOT_IMPLEMENTED, Error::new(ErrorKind::TooLarge, text))
}
