//! Proof that a request was authorized.
//!
//! A [`Caller<M>`] can only be made from what the gate left in the request, and the gate leaves it
//! only after the route's requirement was met. Registration takes a handler only if its first
//! argument is a `Caller` ([`Authorized`]); so a handler that compiles is authorized, and its
//! requirement is the one in its own signature.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use base::Ctx;
use base::limiter::{Policy, Standing};
use base::store::Write;
use http::header::{CONTENT_TYPE, LOCATION};
use http::request::Parts;
use http::{Response, StatusCode};
use serde::Serialize;

use crate::idempotency::Reservation;
use crate::scope::{Access, ScopeMarker};
use crate::{Credential, Problem};

/// Who calls, and that they may. Derefs to [`Ctx`].
#[derive(Debug)]
pub struct Caller<M> {
    granted: Arc<Granted>,
    marker: PhantomData<fn() -> M>,
}

/// What the gate found out about the caller of one request.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) ctx: Ctx,
    pub(crate) access: Access,
    pub(crate) credential: Option<Credential>,
    pub(crate) source: IpAddr,
    pub(crate) standings: Vec<(Policy, Standing)>,
    pub(crate) reservation: Option<Arc<Reservation>>,
}

impl<M> Caller<M> {
    /// The credential that was shown, for operations on it such as signing out.
    pub fn credential(&self) -> Option<&Credential> {
        self.granted.credential.as_ref()
    }

    /// Where the request came from.
    pub fn source(&self) -> IpAddr {
        self.granted.source
    }

    /// The limits that were checked for this request, and what is left of each.
    pub fn limits(&self) -> &[(Policy, Standing)] {
        &self.granted.standings
    }

    /// The write that keeps this answer under the request's `Idempotency-Key`. An operation that
    /// is one transaction takes it into that transaction, so that effect and record are one; others
    /// leave it, and the gate records the answer afterwards. `None` without a key, or when the
    /// answer is too large to keep. The handler must then answer exactly this.
    ///
    /// # Errors
    /// `Internal` when the body cannot be written as JSON.
    pub fn record(
        &self,
        status: StatusCode,
        location: Option<&str>,
        body: &impl Serialize,
    ) -> base::Result<Option<Write>> {
        let Some(reservation) = &self.granted.reservation else { return Ok(None) };
        let body = serde_json::to_vec(body).map_err(base::Error::internal)?;
        let response = Response::builder().status(status).header(CONTENT_TYPE, "application/json");
        let response = location.into_iter().fold(response, |response, at| response.header(LOCATION, at));
        let response = response.body(()).map_err(base::Error::internal)?;
        Ok(reservation.record(&response, &body))
    }
}

impl<M> Deref for Caller<M> {
    type Target = Ctx;

    fn deref(&self) -> &Ctx {
        &self.granted.ctx
    }
}

impl Granted {
    pub(crate) fn of(parts: &Parts) -> Result<&Arc<Self>, Problem> {
        let granted = parts.extensions.get::<Arc<Self>>();
        granted.ok_or_else(|| base::Error::internal("a handler ran without its gate").into())
    }
}

impl<M: ScopeMarker, S: Send + Sync> FromRequestParts<S> for Caller<M> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let granted = Granted::of(parts)?;
        // A second `Caller` in the same handler could ask for more than the gate checked.
        if granted.access != M::ACCESS {
            return Err(base::Error::internal("a handler asks for another scope than its gate checked").into());
        }
        Ok(Self { granted: Arc::clone(granted), marker: PhantomData })
    }
}

/// The argument lists whose first argument is a [`Caller`]. `Route::new` demands it.
#[diagnostic::on_unimplemented(
    message = "this handler does not say who may call it",
    note = "its first argument must be `web::Caller<M>`; `web::scope::Anyone` is the public one"
)]
pub trait Authorized {
    /// The requirement in the signature.
    type Marker: ScopeMarker;
}

macro_rules! authorized {
    ($($argument:ident),*) => {
        // `Via` is how axum tells handlers that end in a body from those that do not.
        impl<Via, M: ScopeMarker, $($argument),*> Authorized for (Via, Caller<M>, $($argument,)*) {
            type Marker = M;
        }
    };
}

authorized!();
authorized!(A1);
authorized!(A1, A2);
authorized!(A1, A2, A3);
authorized!(A1, A2, A3, A4);
authorized!(A1, A2, A3, A4, A5);
authorized!(A1, A2, A3, A4, A5, A6);
authorized!(A1, A2, A3, A4, A5, A6, A7);
authorized!(A1, A2, A3, A4, A5, A6, A7, A8);
authorized!(A1, A2, A3, A4, A5, A6, A7, A8, A9);
