//! Wire types and handlers; the only folder that names axum.
//!
//! - [`write`](mod@write), [`expose`]: the two routes of the seed. [`batch`]: many records at once.
//! - [`series`]: which series there are. [`window`]: figures. [`records`]: the records themselves.
//! - [`events`]: who asked for what. [`wire`]: what goes over the wire.

mod batch;
mod events;
mod expose;
mod records;
mod series;
mod window;
mod wire;
mod write;

use std::sync::Arc;

use base::ErrorKind;
use serde_json::json;
use web::{Class, Mapping, Routes, route};

use crate::Source;

/// The largest batch, decompressed.
pub(crate) const BATCH_BYTES_MAX: u64 = 10 << 20;

/// The routes of this service. Their failures have the members `description` and `data` of the
/// seed beside those of a problem, and whatever is wrong with a request is 422.
pub(crate) fn routes(source: Arc<Source>) -> Routes {
    let mapping = Mapping::new().answer(ErrorKind::Malformed, UNFIT).extend(|error, document| {
        document.insert("description".to_owned(), json!(error.message()));
        document.insert("data".to_owned(), json!({}));
    });
    Routes::new("source")
        .add(route!(write::write_raw).limits(Class::Data))
        .add(route!(batch::write_batch).limits(Class::Data).body_max(BATCH_BYTES_MAX))
        .add(route!(expose::expose).limits(Class::Data))
        .add(route!(series::series_list).limits(Class::Data))
        .add(route!(series::series_get).limits(Class::Data))
        .add(route!(window::series_window).limits(Class::Data))
        .add(route!(records::record_list).limits(Class::Data).streaming())
        .add(route!(events::event_list))
        .mapping(mapping)
        .with_state(source)
}

/// What a request that cannot be understood is answered.
const UNFIT: u16 = 422;

/// The status that a failure of these routes has.
fn status_of(error: &base::Error) -> u16 {
    match error.kind() {
        ErrorKind::Malformed => UNFIT,
        kind => web::error::status(kind).as_u16(),
    }
}
