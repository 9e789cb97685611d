//! Handlers; the only folder that names axum.
//!
//! - [`chart`]: the chart endpoint. [`kept`]: what a reader gives out, as an answer.

mod chart;
mod kept;

use std::sync::Arc;

use base::ErrorKind;
use web::{Class, Mapping, Routes, route};

use crate::Tokens;

/// The routes of this service: who may not call, for whatever reason, is answered 403, and what is wrong
/// with a request 400.
pub(crate) fn routes(tokens: Arc<Tokens>) -> Routes {
    let mapping = Mapping::new().answer(ErrorKind::Unauthenticated, 403).answer(ErrorKind::Invalid, 400);
    Routes::new("tokens").add(route!(chart::chart_get).limits(Class::Data).kept()).mapping(mapping).with_state(tokens)
}
