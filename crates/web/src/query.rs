//! The query string: every name in it is one that the route documents, and stands there once.
//!
//! The names come from the OpenAPI parameters of the operation, so what is taken and what is
//! documented are the same list. A credential in a query string ends up in logs and histories; it
//! is refused before it is looked at.

use std::borrow::Cow;

use base::{Error, ErrorKind};
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use crate::Problem;
use crate::register::Spec;

/// Names under which people put credentials.
const CREDENTIALS: [&str; 16] = [
    "access_token",
    "api-key",
    "api_key",
    "apikey",
    "auth",
    "authorization",
    "bearer",
    "client_secret",
    "id_token",
    "jwt",
    "key",
    "password",
    "refresh_token",
    "secret",
    "token",
    "x-api-key",
];

/// Refuses unknown and repeated parameters, and credentials.
///
/// # Errors
/// `Malformed` for a credential, a repetition and what is no UTF-8; `Invalid` for an unknown name.
pub(crate) fn check(spec: &Spec, query: Option<&str>) -> Result<(), Problem> {
    let mut seen: Vec<Cow<'_, str>> = Vec::new();
    for (name, _) in pairs(query.unwrap_or_default())? {
        if !spec.query.iter().any(|known| *known == name) {
            return Err(unknown(spec, &name).into());
        }
        if seen.contains(&name) {
            let text = format!("The parameter {name} is there more than once");
            return Err(malformed("repeated_field", &name, text).into());
        }
        seen.push(name);
    }
    Ok(())
}

fn unknown(spec: &Spec, name: &str) -> Error {
    let name = base::id::shown(name);
    if CREDENTIALS.contains(&name.to_ascii_lowercase().as_str()) {
        let text = "A credential does not belong in a query string. Send X-API-Key or Authorization.";
        return malformed("value_error", &name, text.to_owned());
    }
    let allowed = if spec.query.is_empty() { "none".to_owned() } else { spec.query.join(", ") };
    let text = format!("Unknown parameter {name}. Allowed: {allowed}");
    Error::new(ErrorKind::Invalid, text.clone()).with_detail("unknown_field", name, text)
}

fn malformed(kind: &str, name: &str, text: String) -> Error {
    Error::new(ErrorKind::Malformed, text.clone()).with_detail(kind, name, text)
}

/// The names and values of a query string, decoded.
///
/// # Errors
/// `Malformed` when it is no UTF-8.
pub(crate) fn pairs(query: &str) -> base::Result<Vec<(Cow<'_, str>, String)>> {
    query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect()
}

fn pair(pair: &str) -> base::Result<(Cow<'_, str>, String)> {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let wrong = || malformed("value_error", "query", "The query string is not UTF-8".to_owned());
    let value = value.replace('+', " ");
    let value = percent_decode_str(&value).decode_utf8().map_err(|_| wrong())?.into_owned();
    Ok((percent_decode_str(name).decode_utf8().map_err(|_| wrong())?, value))
}

/// The parameters of a route as a type: `#[derive(Deserialize, IntoParams)]`, named in the
/// route's `params(…)`. Names it does not have are left to other extractors such as `Paging`.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> axum::extract::FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let input = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        match serde_path_to_error::deserialize(input) {
            Ok(params) => Ok(Self(params)),
            Err(error) => Err(unfit(&error.path().to_string(), &error.inner().to_string()).into()),
        }
    }
}

/// The parameter that does not fit its type. One that is missing is named by the text alone.
fn unfit(path: &str, text: &str) -> Error {
    let missing = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    match missing {
        Some(name) => {
            let text = format!("The parameter {name} is required");
            Error::new(ErrorKind::Invalid, text.clone()).with_detail("missing", name, text)
        }
        None => Error::invalid(if path == "." { "query" } else { path }, text),
    }
}
