//! Wire types and handlers; the only folder that names axum.
//!
//! - [`users`]: the three routes of the seed. [`datasets`]: datasets and their runs.
//!   [`records`]: reading records. [`import`]: files in. [`export`]: lists out, streamed.
//! - [`wire`]: what goes over the wire.

mod datasets;
mod export;
mod import;
mod records;
mod users;
mod wire;

use std::sync::Arc;

use web::{Class, Replay, Routes, route};

use crate::Ingest;
use crate::service::import::BODY_BYTES_MAX;

/// The routes of this service.
pub(crate) fn routes(ingest: Arc<Ingest>) -> Routes {
    Routes::new("datasets")
        .add(route!(users::fetch_data))
        .add(route!(users::status))
        .add(route!(users::view_data).limits(Class::Data).streaming())
        .add(route!(datasets::dataset_list))
        .add(route!(datasets::dataset_create))
        .add(route!(datasets::dataset_get))
        .add(route!(datasets::dataset_update))
        .add(route!(datasets::dataset_delete))
        .add(route!(datasets::dataset_fetch))
        .add(route!(datasets::dataset_status))
        .add(route!(records::record_list).limits(Class::Data))
        .add(route!(records::record_get).limits(Class::Data))
        .add(route!(records::dataset_export).limits(Class::Data).streaming())
        .add(
            route!(import::dataset_import)
                .limits(Class::Data)
                .body_max(BODY_BYTES_MAX)
                .streaming()
                .replay(Replay::Recomputed),
        )
        .with_state(ingest)
}
