//! Wire types and handlers; the only folder that names axum.
//!
//! - [`carts`]: making, naming, removing carts. [`items`]: what lies in them. [`work`]: queries,
//!   combinations and their jobs. [`manifest`]: a cart to be taken away. [`wire`]: what goes over the
//!   wire.

mod carts;
mod items;
mod manifest;
mod wire;
mod work;

use std::sync::Arc;

use base::ErrorKind;
use web::{Class, Mapping, Routes, route};

use crate::Carts;

/// What invalid input is answered.
const UNFIT: u16 = 412;

/// The routes of this service: with a slash at their end and without, and whatever is wrong with a
/// request is 412.
pub(crate) fn routes(carts: Arc<Carts>) -> Routes {
    let mapping = Mapping::new().answer(ErrorKind::Malformed, UNFIT).answer(ErrorKind::Invalid, UNFIT);
    Routes::new("carts")
        .add(route!(carts::cart_create))
        .add(route!(carts::cart_list).limits(Class::Data))
        .add(route!(carts::cart_get).limits(Class::Data))
        .add(route!(carts::cart_put))
        .add(route!(carts::cart_patch))
        .add(route!(carts::cart_delete))
        .add(route!(items::item_add).limits(Class::Data))
        .add(route!(items::item_delete).limits(Class::Data))
        .add(route!(work::query))
        .add(route!(work::combine))
        .add(route!(work::job_get).limits(Class::Data))
        .add(route!(work::job_post).limits(Class::Data))
        .add(route!(work::job_cancel))
        .add(route!(manifest::manifest).limits(Class::Data).streaming())
        .add(route!(manifest::summary).limits(Class::Data))
        .either_slash()
        .mapping(mapping)
        .with_state(carts)
}

/// The status that a failure of these routes has.
fn status_of(error: &base::Error) -> u16 {
    match error.kind() {
        ErrorKind::Malformed | ErrorKind::Invalid => UNFIT,
        kind => web::error::status(kind).as_u16(),
    }
}
