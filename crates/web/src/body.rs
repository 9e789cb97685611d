//! Bodies that strangers send.

use axum::extract::{FromRequest, OptionalFromRequest, Request};
use base::{Error, ErrorKind};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use serde::de::DeserializeOwned;

use crate::Problem;

/// A JSON body, of type `application/json` and nothing else, validated and parsed. The route
/// bounds it ([`Route::body_max`](crate::Route::body_max)). `Option<Body<T>>` takes an absent one.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_json(request.headers())?;
        let bytes = read(request).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            Error::new(ErrorKind::Malformed, "The body is not valid JSON").with_internal(error).into()
        })
    }
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        let headers = request.headers();
        let empty = headers.get(CONTENT_LENGTH).is_none_or(|length| length == "0");
        if empty && !headers.contains_key(TRANSFER_ENCODING) && !headers.contains_key(CONTENT_TYPE) {
            return Ok(None);
        }
        <Self as FromRequest<S>>::from_request(request, state).await.map(Some)
    }
}

async fn read(request: Request) -> Result<bytes::Bytes, Problem> {
    axum::body::to_bytes(request.into_body(), crate::register::JSON_BYTES_MAX as usize)
        .await
        .map_err(|error| Error::new(ErrorKind::TooLarge, "The body is too large").with_internal(error).into())
}

/// Refuses a media type that is not JSON: `text/plain` would let any page send it.
fn check_json(headers: &HeaderMap) -> Result<(), Problem> {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let charset = parameters.trim().to_ascii_lowercase();
    let plain = matches!(charset.as_str(), "" | "charset=utf-8" | "charset=\"utf-8\"");
    if essence.trim().eq_ignore_ascii_case("application/json") && plain {
        Ok(())
    } else {
        let text = "The body must be of type application/json";
        Err(Error::new(ErrorKind::UnsupportedMedia, text).with_detail("value_error", "Content-Type", text).into())
    }
}
