//! What stands before every handler, and knows its route.
//!
//! In this order: the query names are known, the credential is valid, the scope is held, the
//! limits allow it. Only then is there a [`Ctx`](base::Ctx), and only then does the handler run. A
//! refusal never reaches the handler; its answer is a problem under the router's own mapping.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base::{Ctx, Error, ErrorKind, Principal, Scopes, TenantId};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue};
use uuid::Uuid;

use crate::arrival::Arrival;
use crate::auth::{self, Credential, FREIGHT_TENANT, Identity};
use crate::caller::Granted;
use crate::register::Spec;
use crate::scope::Access;
use crate::{Problem, limits, problem, query};

/// What the edge writes into the log about an answered request.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) route: String,
    pub(crate) tenant: Option<TenantId>,
}

/// The middleware of one route.
pub(crate) async fn gate(State(spec): State<Arc<Spec>>, request: Request, next: Next) -> Response {
    let arrival = match Arrival::of(&request) {
        Ok(arrival) => arrival,
        Err(problem) => return problem.into_response(),
    };
    let mut answered = Answered { route: spec.path.clone(), tenant: None };
    let response = match pass(&spec, &arrival, request, next, &mut answered).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    let mut response = problem::render(response, &arrival, &spec.mapping);
    response.extensions_mut().insert(answered);
    response
}

async fn pass(
    spec: &Arc<Spec>,
    arrival: &Arrival,
    mut request: Request,
    next: Next,
    answered: &mut Answered,
) -> Result<Response, Problem> {
    query::check(spec, request.uri().query())?;
    let credential = auth::credential(request.headers())?;
    let identity = identify(spec, arrival, request.headers(), credential.as_ref()).await?;
    answered.tenant = identity.as_ref().map(|identity| identity.tenant.clone());
    let charge = limits::charge(spec, arrival, identity.as_ref()).await?;
    let granted = Granted {
        ctx: ctx(arrival, identity)?,
        access: spec.access,
        credential,
        source: arrival.source,
        standings: charge.standings(),
    };
    request.extensions_mut().insert(Arc::new(granted));
    request.extensions_mut().insert(Arc::clone(spec));
    let response = problem::render(next.run(request).await, arrival, &spec.mapping);
    Ok(finish(spec, response, &charge))
}

async fn identify(
    spec: &Spec,
    arrival: &Arrival,
    headers: &HeaderMap,
    credential: Option<&Credential>,
) -> Result<Option<Identity>, Problem> {
    let credential = match (spec.access, credential) {
        (Access::Anyone, _) | (Access::Optional, None) => return Ok(None),
        (_, Some(credential)) => credential,
        (_, None) => return Err(Error::new(ErrorKind::Unauthenticated, "API key required").into()),
    };
    let act_for = auth::single(headers, &FREIGHT_TENANT)?;
    let found = arrival.kit.authenticate.authenticate(credential, arrival.source, act_for).await;
    let identity = match found {
        Ok(identity) => identity,
        Err(error) if error.kind() == ErrorKind::Unauthenticated => {
            limits::failed_authentication(arrival).await?;
            return Err(error.into());
        }
        Err(error) => return Err(error.into()),
    };
    match spec.access {
        Access::Scope(scope) if !identity.scopes.contains(scope) => {
            Err(Error::new(ErrorKind::Forbidden, format!("This needs the scope {scope}")).into())
        }
        _ => Ok(Some(identity)),
    }
}

/// What belongs to nobody in particular belongs to this tenant.
const PUBLIC: &str = "public";

fn ctx(arrival: &Arrival, identity: Option<Identity>) -> base::Result<Ctx> {
    let (tenant, principal, scopes) = match identity {
        Some(identity) => (identity.tenant, identity.principal, identity.scopes),
        None => (PUBLIC.parse()?, Principal::new("anonymous"), Scopes::default()),
    };
    Ok(Ctx::new(tenant, principal, scopes, arrival.request_id.clone(), arrival.at, Uuid::new_v4()))
}

fn finish(spec: &Spec, mut response: Response, charge: &limits::Charge) -> Response {
    let headers = response.headers_mut();
    charge.write(headers);
    if spec.access != Access::Anyone {
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    response
}
