//! What stands before every handler, and knows its route.
//!
//! In this order: the query names are known, the credential is valid, it was looked up now or the route
//! reads what is kept, the scope is held, the limits allow it, the `Idempotency-Key` is ours. Only then
//! is there a [`Ctx`], and only then does the handler run, within its time. A refusal never reaches the
//! handler; its answer is a problem under the router's own mapping.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base::{Ctx, Environment, Error, ErrorKind, Principal, Scopes, TenantId};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use uuid::Uuid;

use crate::arrival::Arrival;
use crate::auth::{self, Credential, FREIGHT_TENANT, Identity};
use crate::caller::Granted;
use crate::idempotency::{self, Reservation, Reserved};
use crate::limits::{self, Charge};
use crate::prefer::Prefer;
use crate::register::Spec;
use crate::scope::Access;
use crate::source::CallerArn;
use crate::whole::Whole;
use crate::{Problem, headers, problem, query};

/// What the edge needs to know about an answered request.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    /// The route's path, with its parameters' names.
    pub(crate) route: String,
    pub(crate) tenant: Option<TenantId>,
    /// The origins that the caller's tenant allows.
    pub(crate) cors_origins: Arc<[String]>,
}

/// The middleware of one route.
pub(crate) async fn gate(State(spec): State<Arc<Spec>>, request: Request, next: Next) -> Response {
    let arrival = match Arrival::of(&request) {
        Ok(arrival) => arrival,
        Err(problem) => return problem.into_response(),
    };
    let mut answered = Answered { route: spec.path.clone(), tenant: None, cors_origins: Arc::default() };
    let passage = Passage { spec, arrival };
    let response = match passage.pass(request, next, &mut answered).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    let mut response = problem::render(response, &passage.arrival, &passage.spec.mapping);
    response.extensions_mut().insert(answered);
    response
}

struct Passage {
    spec: Arc<Spec>,
    arrival: Arrival,
}

impl Passage {
    async fn pass(&self, request: Request, next: Next, answered: &mut Answered) -> Result<Response, Problem> {
        query::check(&self.spec, request.uri().query())?;
        let arn = request.extensions().get::<CallerArn>();
        let credential = auth::credential(request.headers(), arn.is_some())?;
        let identity = self.identify(request.headers(), credential.as_ref(), arn).await?;
        if let Some(identity) = &identity {
            answered.tenant = Some(identity.tenant.clone());
            answered.cors_origins = Arc::clone(&identity.cors_origins);
        }
        self.demand_store(identity.as_ref())?;
        self.demand_scope(identity.as_ref())?;
        let charge = limits::charge(&self.spec, &self.arrival, identity.as_ref()).await?;
        let response = self.once(request, next, credential, identity, &charge).await;
        let mut response = match response {
            Ok(response) => response,
            Err(problem) => problem::render(problem.into_response(), &self.arrival, &self.spec.mapping),
        };
        charge.write(response.headers_mut());
        self.finish(response.headers_mut());
        Ok(response)
    }

    /// Who the credential belongs to.
    async fn identify(
        &self,
        headers: &HeaderMap,
        credential: Option<&Credential>,
        arn: Option<&CallerArn>,
    ) -> Result<Option<Identity>, Problem> {
        let act_for = auth::single(headers, &FREIGHT_TENANT)?;
        let (arrival, by) = (&self.arrival, &self.arrival.kit.authenticate);
        let identity = match (self.spec.access, credential, arn) {
            (Access::Anyone, ..) | (Access::Optional, None, None) => return Ok(None),
            (_, Some(credential), _) => by.authenticate(credential, arrival.source, act_for).await,
            (_, None, Some(CallerArn(arn))) => by.authenticate_arn(arn, act_for).await,
            (_, None, None) => return Err(Error::new(ErrorKind::Unauthenticated, "API key required").into()),
        };
        match identity {
            Ok(identity) => Ok(Some(identity)),
            Err(error) if error.kind() == ErrorKind::Unauthenticated => {
                limits::failed_authentication(arrival).await?;
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn demand_scope(&self, identity: Option<&Identity>) -> Result<(), Problem> {
        match (self.spec.access, identity) {
            (Access::Scope(scope), Some(identity)) if !identity.scopes.contains(scope) => {
                self.arrival.kit.authenticate.refused(identity, scope);
                Err(Error::new(ErrorKind::Forbidden, format!("This needs the scope {scope}")).into())
            }
            _ => Ok(()),
        }
    }

    /// Who is known from memory may read what is kept.
    fn demand_store(&self, identity: Option<&Identity>) -> Result<(), Problem> {
        match identity {
            Some(identity) if identity.remembered && !self.spec.kept => {
                Err(Error::unavailable("who is calling is known from memory only").into())
            }
            _ => Ok(()),
        }
    }

    /// Runs the handler, unless an `Idempotency-Key` says that it ran already.
    async fn once(
        &self,
        request: Request,
        next: Next,
        credential: Option<Credential>,
        identity: Option<Identity>,
        charge: &Charge,
    ) -> Result<Response, Problem> {
        let mut request = request;
        request.extensions_mut().insert(Arc::clone(&self.spec));
        let (request, asked) = idempotency::asked(&self.spec, request).await?;
        let who = Who::of(identity)?;
        let reservation = match asked {
            None => None,
            Some(asked) => match idempotency::reserve(&self.arrival, &who.tenant, who.owner(), asked).await? {
                Reserved::Replay(response) => return Ok(response),
                Reserved::Run(reservation) => Some(Arc::new(reservation)),
            },
        };
        let (at, seed) = reservation
            .as_deref()
            .map_or_else(|| (self.arrival.at, Uuid::new_v4()), |reservation| (reservation.at, reservation.seed));
        let granted = Granted {
            ctx: who.ctx(&self.arrival, at, seed),
            access: self.spec.access,
            credential,
            source: self.arrival.source,
            standings: charge.standings(),
            reservation: reservation.clone(),
        };
        let running = self.run(request, next, granted);
        match reservation.as_deref() {
            None => Ok(running.await),
            Some(reservation) => Ok(self.reserved(reservation, running).await),
        }
    }

    async fn reserved(&self, reservation: &Reservation, running: impl Future<Output = Response>) -> Response {
        let response = reservation.hold(running).await;
        reservation.settle(response, self.spec.replay).await
    }

    /// Runs the handler within its time.
    async fn run(&self, mut request: Request, next: Next, granted: Granted) -> Response {
        let kit = &self.arrival.kit;
        let mut prefer = Prefer::of(request.headers());
        if let Some(whole) = request.extensions().get::<Whole>() {
            prefer = prefer.within(whole.left(&*kit.clock));
        }
        request.extensions_mut().insert(prefer);
        request.extensions_mut().insert(Arc::new(granted));
        let running = next.run(request);
        let response = if self.spec.streaming {
            running.await
        } else {
            let bound = kit.config.request_timeout + prefer.wait.unwrap_or_default();
            tokio::select! {
                biased;
                response = running => response,
                () = kit.clock.sleep(self.arrival.left(bound)) => {
                    let text = "The request took too long. It may have been applied.";
                    Problem::from(Error::new(ErrorKind::Timeout, text)).into_response()
                }
            }
        };
        problem::render(problem::adopt(response).await, &self.arrival, &self.spec.mapping)
    }

    fn finish(&self, headers: &mut HeaderMap) {
        // What a stranger gets for what they sent is for them alone, as a token is.
        if self.spec.access != Access::Anyone || self.spec.post {
            headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        }
        if let Some(retired) = &self.spec.retired {
            headers::retire(headers, retired);
        }
    }
}

/// Who an operation runs for.
struct Who {
    tenant: TenantId,
    principal: Principal,
    scopes: Scopes,
    environment: Environment,
    anonymous: bool,
}

impl Who {
    fn of(identity: Option<Identity>) -> base::Result<Self> {
        Ok(match identity {
            Some(Identity { tenant, principal, scopes, environment, .. }) => {
                Self { tenant, principal, scopes, environment, anonymous: false }
            }
            None => Self {
                tenant: TenantId::PUBLIC.parse()?,
                principal: Principal::new("anonymous"),
                scopes: Scopes::default(),
                environment: Environment::Live,
                anonymous: true,
            },
        })
    }

    /// Under whose name a reservation is kept.
    fn owner(&self) -> Option<&Principal> {
        (!self.anonymous).then_some(&self.principal)
    }

    fn ctx(self, arrival: &Arrival, at: Timestamp, seed: Uuid) -> Ctx {
        let ctx = Ctx::new(self.tenant, self.principal, self.scopes, arrival.request_id.clone(), at, seed);
        ctx.with_environment(self.environment)
    }
}
