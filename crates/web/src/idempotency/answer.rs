//! An answer as it is kept: status, the headers that belong to it, the exact body.

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::header::{CONTENT_TYPE, ETAG, LINK, LOCATION, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use super::IDEMPOTENT_REPLAYED;
use crate::prefer::PREFERENCE_APPLIED;

/// The largest body that is kept.
pub(super) const BODY_BYTES_MAX: usize = 256 << 10;

/// The headers that belong to the answer rather than to the request that got it.
const KEPT: [HeaderName; 6] = [CONTENT_TYPE, ETAG, LINK, LOCATION, RETRY_AFTER, PREFERENCE_APPLIED];

/// The stored form, version 1.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    v: u8,
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Kept {
    /// An answer with this body.
    pub(super) fn new<B>(response: &http::Response<B>, body: &[u8]) -> Self {
        let headers = KEPT.into_iter().filter_map(|name| {
            let value = response.headers().get(&name)?.to_str().ok()?;
            Some((name.to_string(), value.to_owned()))
        });
        Self { v: 1, status: response.status().as_u16(), headers: headers.collect(), body: STANDARD.encode(body) }
    }

    /// An answer of which nothing but the status is kept.
    pub(super) fn status(status: StatusCode) -> Self {
        Self { v: 1, status: status.as_u16(), headers: Vec::new(), body: String::new() }
    }

    /// The answer again.
    pub(super) fn replay(&self) -> base::Result<Response> {
        let damaged = |what: &str| base::Error::internal(format!("stored answer: {what}"));
        let body = STANDARD.decode(&self.body).map_err(|_| damaged("body"))?;
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(self.status).map_err(|_| damaged("status"))?;
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().map_err(|_| damaged("header"))?;
            response.headers_mut().insert(name, HeaderValue::from_str(value).map_err(|_| damaged("header"))?);
        }
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }
}

/// Takes the body out of a response if it is small enough to keep. The response comes back whole
/// in any case.
pub(super) async fn small_body(response: Response) -> (Response, Option<Bytes>) {
    let (parts, body) = response.into_parts();
    let mut chunks = body.into_data_stream();
    let mut start = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        match chunk {
            Ok(chunk) => start.extend_from_slice(&chunk),
            Err(error) => {
                let broken = futures::stream::iter([Ok(start.freeze()), Err(error)]);
                return (Response::from_parts(parts, Body::from_stream(broken)), None);
            }
        }
        if start.len() > BODY_BYTES_MAX {
            let whole = futures::stream::iter([Ok(start.freeze())]).chain(chunks);
            return (Response::from_parts(parts, Body::from_stream(whole)), None);
        }
    }
    let body = start.freeze();
    (Response::from_parts(parts, Body::from(body.clone())), Some(body))
}
