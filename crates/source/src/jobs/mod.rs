//! What the service teaches the engine to do.
//!
//! - [`roll`]: `source.roll`, which makes the partials of a series follow its records.

pub mod roll;

use std::sync::Arc;
use std::time::Duration;

use jobs::Registry;
use serde::{Deserialize, Serialize};

use crate::service::Deps;

/// Computes the dirty minutes of a series: the kind of task.
pub const ROLL: &str = "source.roll";

/// A mark is taken when it is older than this: whoever relied on it has written by then.
pub const SETTLED: Duration = Duration::from_secs(60);

/// What a roll is asked to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RollParams {
    /// Which series.
    pub series: String,
}

/// Teaches the engine the kinds of this service.
pub fn register(registry: &mut Registry, deps: &Deps) {
    registry.task(Arc::new(roll::Roll::new(deps.store.clone())));
}
