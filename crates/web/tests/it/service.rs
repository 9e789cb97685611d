//! A service as services are written, with one route for each thing the kit does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use base::store::{Body as Item, Key, Table, Version, Write};
use base::{Error, ErrorKind, Page, Store, key};
use futures::StreamExt;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use utoipa::{IntoParams, ToSchema};
use web::scope::{AnyScope, Anyone, IngestRead, IngestRun};
use web::{
    Answer, Body, Caller, Class, Created, IfMatch, Json, List, Mapping, Paging, Params, PathId, Prefer, RawBody,
    Replay, Routes, Tagged, route, sse,
};

pub(crate) const VERSION: Version = Version(uuid::Uuid::from_u128(7));
pub(crate) const ITEMS: usize = 12_000;

#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) store: Arc<dyn Store>,
    /// How often an operation ran.
    pub(crate) runs: Arc<AtomicUsize>,
    /// Rung when a handler that will not end has begun.
    pub(crate) begun: Arc<Notify>,
}

pub(crate) fn routes(service: Service) -> Routes {
    Routes::new("things")
        .add(route!(thing_list))
        .add(route!(thing_create).policy("things", 1_000, Duration::from_secs(60)))
        .add(route!(thing_get).limits(Class::Data))
        .add(route!(thing_patch))
        .add(route!(thing_import).streaming().body_max(1 << 20).limits(Class::Data))
        .add(route!(thing_events).streaming().limits(Class::Data))
        .add(route!(secret_create).replay(Replay::StatusOnly))
        .add(route!(sign_in).replay(Replay::Recomputed))
        .add(route!(large_create))
        .add(route!(recorded_create))
        .add(route!(fail))
        .add(route!(hang))
        .add(route!(me))
        .add(route!(kept_get).kept())
        .add(route!(old).retired(timestamp("2026-01-01T00:00:00Z"), timestamp("2027-01-01T00:00:00Z")))
        .with_state(service)
}

/// The routes of an interface that answers invalid input in its own way.
pub(crate) fn carts() -> Routes {
    let mapping = Mapping::new().answer(ErrorKind::Invalid, 412).answer(ErrorKind::Malformed, 412);
    Routes::new("carts")
        .add(route!(cart_create))
        .mapping(mapping.extend(|_, document| {
            document.insert("data".to_owned(), serde_json::json!({}));
        }))
        .with_state(())
}

fn timestamp(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

/// A thing.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Thing {
    /// Its name.
    pub(crate) name: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Only names that begin so.
    prefix: Option<String>,
    /// Only things of this size.
    size: Option<u32>,
}

/// An id that is a number.
struct ThingId(u32);

impl std::str::FromStr for ThingId {
    type Err = Error;

    fn from_str(text: &str) -> base::Result<Self> {
        text.parse().map(Self).map_err(|_| Error::not_found(format!("Thing {} not found", base::id::shown(text))))
    }
}

/// Lists things by name. The source's pages are smaller than asked for, and some are empty.
#[utoipa::path(get, path = "/api/v1/things", params(Paging, Filter), responses((status = 200, body = List<Thing>)))]
async fn thing_list(
    _caller: Caller<IngestRead>,
    paging: Paging,
    Params(filter): Params<Filter>,
) -> Answer<List<Thing>> {
    let prefix = filter.prefix.unwrap_or_default();
    let total = filter.size.map_or(ITEMS, |size| size as usize);
    let page = paging
        .fetch(|after, limit| {
            let page = source(&prefix, total, after.as_deref(), limit);
            async { Ok(page) }
        })
        .await?;
    Ok(paging.list(page, Some(total as u64)))
}

fn source(prefix: &str, total: usize, after: Option<&str>, limit: usize) -> Page<Thing> {
    let start = after.map_or(0, |after| after.parse::<usize>().unwrap());
    // Every page that starts at a multiple of 70 is empty but for the place to go on.
    if start.is_multiple_of(70) && after.is_none_or(|after| !after.starts_with('+')) {
        return Page { items: Vec::new(), next: Some(format!("+{start}")) };
    }
    let end = (start + limit.min(33)).min(total);
    let items = (start..end).map(|n| Thing { name: format!("{prefix}{n:05}") }).collect();
    Page { items, next: (end < total).then(|| end.to_string()) }
}

/// Makes a thing.
#[utoipa::path(post, path = "/api/v1/things", request_body = Thing, responses((status = 201, body = Thing)))]
async fn thing_create(
    caller: Caller<IngestRun>,
    State(service): State<Service>,
    Body(thing): Body<Thing>,
) -> Answer<Created<Thing>> {
    service.runs.fetch_add(1, Ordering::SeqCst);
    if thing.name == "busy" {
        return Err(Error::unavailable("the test says so").into());
    }
    let id = caller.uuid("thing");
    let key = Key::new(Table("things"), caller.tenant.as_str(), key![id]);
    let name: String = thing.name.chars().take(64).collect();
    service.store.write(vec![Write::put(key, Item::data(name))]).await?;
    Ok(Created::at(format!("/api/v1/things/{id}"), thing))
}

/// Reads a thing.
#[utoipa::path(get, path = "/api/v1/things/{id}", responses((status = 200, body = Thing)))]
async fn thing_get(_caller: Caller<IngestRead>, PathId(id): PathId<ThingId>) -> Answer<Tagged<Json<Thing>>> {
    Ok(Tagged::new(Some(VERSION), Json(Thing { name: id.0.to_string() })))
}

/// Changes a thing.
#[utoipa::path(patch, path = "/api/v1/things/{id}", params(("If-Match" = Option<String>, Header)),
    request_body = Thing, responses((status = 200, body = Thing)))]
async fn thing_patch(
    _caller: Caller<IngestRun>,
    _id: PathId<ThingId>,
    if_match: IfMatch,
    Body(thing): Body<Thing>,
) -> Answer<Json<Thing>> {
    if_match.check(Some(VERSION))?;
    Ok(Json(thing))
}

/// Counts the bytes of a stream.
#[utoipa::path(post, path = "/api/v1/things/import", request_body(content = String, content_type = "text/plain"),
    responses((status = 200, body = Thing)))]
async fn thing_import(
    _caller: Caller<IngestRun>,
    State(service): State<Service>,
    mut body: RawBody,
) -> Answer<Json<Thing>> {
    service.begun.notify_one();
    let mut bytes = 0;
    while let Some(chunk) = body.next().await {
        bytes += chunk?.len();
    }
    Ok(Json(Thing { name: bytes.to_string() }))
}

/// Tells of things, for ever.
#[utoipa::path(get, path = "/api/v1/things/events",
    responses((status = 200, body = Thing, content_type = "text/event-stream")))]
async fn thing_events(_caller: Caller<IngestRead>, resume: sse::LastEventId) -> Answer<Response> {
    let thing = Thing { name: format!("after {}", resume.0.as_deref().unwrap_or("nothing")) };
    let event = sse::Event::json("thing", Some("1".to_owned()), &thing)?;
    Ok(sse::answer(futures::stream::iter([event]).chain(futures::stream::pending())))
}

/// Makes a secret that is shown once.
#[utoipa::path(post, path = "/api/v1/secrets", responses((status = 201, body = Thing)))]
async fn secret_create(_caller: Caller<IngestRun>, State(service): State<Service>) -> Answer<Created<Thing>> {
    let run = service.runs.fetch_add(1, Ordering::SeqCst);
    Ok(Created::at("/api/v1/secrets/1", Thing { name: format!("secret-{run}") }))
}

/// Signs in.
#[utoipa::path(post, path = "/v1/auth/signin", request_body = Thing, responses((status = 200, body = Thing)))]
async fn sign_in(
    _caller: Caller<Anyone>,
    State(service): State<Service>,
    _credentials: Body<Thing>,
) -> Answer<Json<Thing>> {
    let run = service.runs.fetch_add(1, Ordering::SeqCst);
    Ok(Json(Thing { name: format!("token-{run}") }))
}

/// Answers more than is kept.
#[utoipa::path(post, path = "/api/v1/large", responses((status = 200, body = Thing)))]
async fn large_create(caller: Caller<IngestRun>, State(service): State<Service>) -> Answer<Json<Thing>> {
    service.runs.fetch_add(1, Ordering::SeqCst);
    Ok(Json(Thing { name: format!("{}{}", caller.uuid("large"), "x".repeat(300 << 10)) }))
}

/// Keeps its answer in its own write, and then fails to say so.
#[utoipa::path(post, path = "/api/v1/recorded", request_body = Thing, responses((status = 201, body = Thing)))]
async fn recorded_create(
    caller: Caller<IngestRun>,
    State(service): State<Service>,
    Body(thing): Body<Thing>,
) -> Answer<Created<Thing>> {
    service.runs.fetch_add(1, Ordering::SeqCst);
    let key = Key::new(Table("things"), caller.tenant.as_str(), key![caller.uuid("thing")]);
    let effect = Write::put(key, Item::data(&thing.name));
    let record = caller.record(StatusCode::CREATED, Some("/api/v1/recorded/1"), &thing)?;
    service.store.write([Some(effect), record].into_iter().flatten().collect()).await?;
    Err(Error::internal("the answer was lost").into())
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Failure {
    /// How.
    how: String,
}

/// Fails in many ways.
#[utoipa::path(get, path = "/api/v1/fail", params(Failure), responses((status = 200, body = Thing)))]
async fn fail(_caller: Caller<AnyScope>, Params(failure): Params<Failure>) -> Answer<Json<Thing>> {
    let kinds = BTreeMap::from([
        ("malformed", ErrorKind::Malformed),
        ("invalid", ErrorKind::Invalid),
        ("unauthenticated", ErrorKind::Unauthenticated),
        ("forbidden", ErrorKind::Forbidden),
        ("not_found", ErrorKind::NotFound),
        ("tenant_not_found", ErrorKind::TenantNotFound),
        ("conflict", ErrorKind::Conflict),
        ("gone", ErrorKind::Gone),
        ("precondition_failed", ErrorKind::PreconditionFailed),
        ("too_large", ErrorKind::TooLarge),
        ("unsupported_media", ErrorKind::UnsupportedMedia),
        ("rate_limited", ErrorKind::RateLimited),
        ("not_implemented", ErrorKind::NotImplemented),
        ("full", ErrorKind::Full),
        ("timeout", ErrorKind::Timeout),
        ("upstream", ErrorKind::Upstream),
        ("unavailable", ErrorKind::Unavailable),
        ("internal", ErrorKind::Internal),
    ]);
    match kinds.get(failure.how.as_str()) {
        Some(kind) => Err(Error::new(*kind, "A sentence for the client").with_internal("the operator's").into()),
        None => panic!("a handler with a defect"),
    }
}

/// Never ends.
#[utoipa::path(post, path = "/api/v1/hang", responses((status = 200, body = Thing)))]
async fn hang(_caller: Caller<AnyScope>, State(service): State<Service>, prefer: Prefer) -> Answer<Response> {
    service.begun.notify_one();
    if prefer.wait.is_some_and(|wait| wait < Duration::from_secs(5)) {
        return Ok(prefer.applied(Json(Thing { name: "quick".to_owned() })));
    }
    futures::future::pending().await
}

/// What is kept.
#[utoipa::path(get, path = "/api/v1/kept", responses((status = 200, body = Thing)))]
async fn kept_get(_caller: Caller<IngestRead>) -> Json<Thing> {
    Json(Thing { name: "kept".to_owned() })
}

/// Who calls.
#[utoipa::path(get, path = "/api/v1/me", responses((status = 200, body = Thing)))]
async fn me(caller: Caller<AnyScope>) -> Json<Thing> {
    Json(Thing { name: format!("{} {} {}", caller.tenant, caller.principal, caller.source()) })
}

/// Goes away.
#[utoipa::path(get, path = "/old", responses((status = 200, body = Thing)))]
async fn old(_caller: Caller<Anyone>) -> Json<Thing> {
    Json(Thing { name: "old".to_owned() })
}

/// Makes a cart.
#[utoipa::path(post, path = "/resources/carts", request_body = Thing, responses((status = 201, body = Thing)))]
async fn cart_create(_caller: Caller<Anyone>, Body(cart): Body<Thing>) -> Answer<Created<Thing>> {
    Ok(Created::at("/resources/carts/1", cart))
}
