//! Lists, a page at a time.
//!
//! A caller gives a `limit` and either a `cursor` from the page before or an `offset`. Cursors cost
//! the same wherever they point; an offset costs what it skips, so it ends at 10,000. The store's
//! pages may be empty and still go on; [`Paging::fetch`] hides that, and the skipping.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use base::{Error, Page};
use http::HeaderValue;
use http::header::LINK;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Problem;
use crate::arrival::Arrival;
use crate::caller::Granted;
use crate::cursor::{CursorKey, Scope};
use crate::query::Params;

/// The largest page.
pub const LIMIT_MAX: usize = 1_000;
/// The largest offset.
pub const OFFSET_MAX: usize = 10_000;
const LIMIT_DEFAULT: usize = 100;

/// Which page of a list. Name it in the route: `params(web::Paging)`.
#[derive(Clone, Debug)]
pub struct Paging {
    limit: usize,
    offset: usize,
    after: Option<String>,
    scope: Scope,
    key: CursorKey,
    address: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Asked {
    /// How many items at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
    /// How many items to skip; beyond 10,000 use `cursor`.
    #[param(minimum = 0, maximum = 10000, default = 0)]
    offset: Option<i64>,
}

impl IntoParams for Paging {
    fn into_params(
        parameter_in: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
    ) -> Vec<utoipa::openapi::path::Parameter> {
        Asked::into_params(parameter_in)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Params(asked) = Params::<Asked>::from_request_parts(parts, state).await?;
        let arrival = Arrival::of_parts(parts)?;
        let query = parts.uri.query().unwrap_or_default();
        let scope = Scope::new(&Granted::of(parts)?.ctx, &arrival.path, query)?;
        let key = arrival.kit.cursor_key.clone();
        let after = asked.cursor.as_deref().map(|cursor| scope.open(&key, cursor)).transpose()?;
        if after.is_some() && asked.offset.is_some() {
            return Err(Error::invalid("offset", "Give a cursor or an offset, not both").into());
        }
        let (limit, offset) = (limit(asked.limit)?, offset(asked.offset)?);
        Ok(Self { limit, offset, after, scope, key, address: address(&arrival.path, query)? })
    }
}

fn limit(asked: Option<i64>) -> base::Result<usize> {
    let limit = asked.map_or(Some(LIMIT_DEFAULT), |limit| usize::try_from(limit).ok());
    let allowed = limit.filter(|limit| (1..=LIMIT_MAX).contains(limit));
    allowed.ok_or_else(|| Error::invalid("limit", format!("Limit must be between 1 and {LIMIT_MAX}")))
}

fn offset(asked: Option<i64>) -> base::Result<usize> {
    let Ok(offset) = usize::try_from(asked.unwrap_or(0)) else {
        return Err(Error::invalid("offset", "Offset must not be negative"));
    };
    if offset <= OFFSET_MAX {
        return Ok(offset);
    }
    let text = format!("Offset must not be over {OFFSET_MAX}; go on with the cursor in `next` instead");
    Err(Error::invalid("offset", text.clone()).with_detail("value_error", "cursor", text))
}

/// The address of the list with its filters, without the part asked for.
fn address(path: &str, query: &str) -> base::Result<String> {
    let mut rest = form_urlencoded::Serializer::new(String::new());
    for (name, value) in crate::query::pairs(query)? {
        if !matches!(name.as_ref(), "cursor" | "offset") {
            rest.append_pair(&name, &value);
        }
    }
    Ok(format!("{path}?{}", rest.finish()))
}

impl Paging {
    /// The same page, of at most so many items: for a list that shows another number unless asked.
    #[must_use]
    pub fn with_limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// How many items at most, 1 to 1,000.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The sort key to go on after; `None` at the beginning.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// How many items to skip, at most 10,000. For a source that can skip by itself; with
    /// [`fetch`](Self::fetch) nobody needs it.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Reads the page asked for from a source of pages: `read(after, limit)`. Skips the offset, and
    /// goes on behind pages that are not full.
    ///
    /// # Errors
    /// What `read` fails with.
    pub async fn fetch<T, F>(&self, mut read: impl FnMut(Option<String>, usize) -> F) -> base::Result<Page<T>>
    where
        F: Future<Output = base::Result<Page<T>>>,
    {
        let (mut skip, mut items, mut after) = (self.offset, Vec::new(), self.after.clone());
        loop {
            let wanted = if skip > 0 { skip.min(LIMIT_MAX) } else { self.limit - items.len() };
            let page = read(after, wanted).await?;
            if skip > 0 {
                skip -= page.items.len().min(skip);
            } else {
                items.extend(page.items);
            }
            if page.next.is_none() || items.len() >= self.limit {
                return Ok(Page { items, next: page.next });
            }
            after = page.next;
        }
    }

    /// The answer: this page, with an opaque cursor for the next one. `total` is how many items
    /// the whole list has, where that is counted.
    pub fn list<T>(&self, page: Page<T>, total: Option<u64>) -> List<T> {
        let next = page.next.map(|sort| self.scope.sign(&self.key, &sort));
        let link = next.as_ref().map(|next| {
            let glue = if self.address.ends_with('?') { "" } else { "&" };
            format!("<{}{glue}cursor={next}>; rel=\"next\"", self.address)
        });
        List { items: page.items, total, limit: self.limit, offset: self.offset, has_more: next.is_some(), next, link }
    }
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// What is on this page.
    pub items: Vec<T>,
    /// How many items the whole list has; null where that is not counted.
    pub total: Option<u64>,
    /// How many items were asked for.
    pub limit: usize,
    /// How many items were skipped.
    pub offset: usize,
    /// Whether there is another page.
    pub has_more: bool,
    /// The cursor of the next page.
    pub next: Option<String>,
    #[serde(skip)]
    link: Option<String>,
}

impl<T> List<T> {
    /// The header `Link` to the next page, for an answer that writes its items in another format.
    pub fn link(&self) -> Option<&str> {
        self.link.as_deref()
    }
}

impl<T: Serialize> IntoResponse for List<T> {
    fn into_response(self) -> Response {
        let link = self.link.as_deref().and_then(|link| HeaderValue::from_str(link).ok());
        let mut response = Json(self).into_response();
        if let Some(link) = link {
            response.headers_mut().insert(LINK, link);
        }
        response
    }
}
