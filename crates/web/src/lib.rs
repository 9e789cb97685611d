//! The HTTP kit: authorization, problems, limits, idempotency, paging, OpenAPI, serving.
//!
//! A service registers handlers ([`route!`], [`Routes`]); an [`App`] mounts the routes of all
//! services on a [`Kit`]. A request passes the edge, is matched to a route, passes that route's
//! gate, and only then reaches the handler. Read the modules in this order:
//!
//! 1. [`scope`], [`caller`](Caller): who may call, as a type. A handler without it is refused:
//!
//! ```compile_fail
//! #[utoipa::path(get, path = "/open", responses((status = 200, body = String)))]
//! async fn open() -> axum::Json<String> {
//!     axum::Json("anybody".to_owned())
//! }
//! let routes: web::Routes = web::Routes::new("example").add(web::route!(open));
//! ```
//!
//! The same with a requirement is taken:
//!
//! ```
//! use web::scope::IngestRead;
//! #[utoipa::path(get, path = "/shut", responses((status = 200, body = String)))]
//! async fn shut(caller: web::Caller<IngestRead>) -> axum::Json<String> {
//!     axum::Json(caller.tenant.to_string())
//! }
//! let routes: web::Routes = web::Routes::new("example").add(web::route!(shut));
//! ```
//!
//! 2. [`auth`]: the seam to whoever knows the credentials.
//! 3. [`register`]: how a handler gets a path. `gate`: what stands before it. [`edge`](mod@edge):
//!    what stands before and behind all of them.
//! 4. [`error`], [`problem`]: failures.
//! 5. [`body`], [`query`], [`path`], [`paging`], [`etag`], [`prefer`]: what handlers take.
//!    [`answer`], [`kept`], [`sse`]: what they return.
//! 6. [`limits`], [`idempotency`], [`cursor`]: how much, how often, and where lists go on.
//! 7. `headers`, `cors`, [`host`], [`source`]: what browsers and proxies add to it.
//! 8. [`health`], `docs`, [`openapi`](mod@openapi): what the server says of itself.
//! 9. [`app`], [`config`], [`serve`](mod@serve), `wire`: the whole, and the socket. [`whole`]: without one.

pub mod answer;
pub mod app;
mod arrival;
pub mod auth;
pub mod body;
mod caller;
pub mod config;
mod cors;
pub mod cursor;
mod docs;
pub mod edge;
pub mod error;
pub mod etag;
mod gate;
mod headers;
pub mod health;
pub mod host;
pub mod idempotency;
mod inflate;
pub mod kept;
mod lifecycle;
pub mod limits;
pub mod openapi;
pub mod paging;
pub mod path;
pub mod prefer;
pub mod problem;
pub mod query;
pub mod register;
pub mod scope;
pub mod serve;
pub mod source;
pub mod sse;
pub mod whole;
mod wire;

pub use answer::{Accepted, Answer, Created};
pub use app::{App, AppBuilder, Kit};
pub use auth::{Authenticate, Credential, Identity};
pub use axum::Json;
pub use body::{Body, RawBody};
pub use caller::{Authorized, Caller};
pub use config::Config;
pub use cursor::CursorKey;
pub use error::Mapping;
pub use etag::{IfMatch, Tagged};
pub use kept::{Demanded, Queued, Told};
pub use lifecycle::Lifecycle;
pub use limits::{Class, Limits};
pub use openapi::openapi;
pub use paging::{List, Paging};
pub use path::{PathId, PathIds};
pub use prefer::Prefer;
pub use problem::Problem;
pub use query::Params;
pub use register::{Replay, Route, Routes};
pub use serve::{serve, serve_ops};
pub use source::{CallerArn, Peer};
#[doc(hidden)]
pub use utoipa_axum::paste;
pub use whole::{Unreadable, Whole};
