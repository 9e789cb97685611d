//! Identifiers in the path, parsed where they enter.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use base::Error;
use http::request::Parts;

use crate::Problem;

/// The one parameter of a path, such as `{id}`. What does not parse is answered as the type's own
/// error says: an id that is no id is usually not found.
#[derive(Clone, Copy, Debug)]
pub struct PathId<T>(pub T);

/// The two parameters of a path, in their order.
#[derive(Clone, Copy, Debug)]
pub struct PathIds<A, B>(pub A, pub B);

impl<T, S> FromRequestParts<S> for PathId<T>
where
    T: FromStr<Err = Error>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match segments(parts, state).await?.as_slice() {
            [id] => Ok(Self(id.parse()?)),
            other => Err(wrong_count(1, other.len())),
        }
    }
}

impl<A, B, S> FromRequestParts<S> for PathIds<A, B>
where
    A: FromStr<Err = Error>,
    B: FromStr<Err = Error>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match segments(parts, state).await?.as_slice() {
            [first, second] => Ok(Self(first.parse()?, second.parse()?)),
            other => Err(wrong_count(2, other.len())),
        }
    }
}

async fn segments<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Vec<String>, Problem> {
    match RawPathParams::from_request_parts(parts, state).await {
        Ok(params) => Ok(params.iter().map(|(_, value)| value.to_owned()).collect()),
        Err(rejection) => Err(Error::not_found("Nothing has this path").with_internal(rejection).into()),
    }
}

fn wrong_count(wanted: usize, found: usize) -> Problem {
    Error::internal(format!("the handler takes {wanted} path parameters, the path has {found}")).into()
}
