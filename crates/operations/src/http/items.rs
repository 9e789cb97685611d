//! A list that is always whole.

use serde::Serialize;
use utoipa::ToSchema;

/// A list that is short by its nature.
#[derive(Serialize, ToSchema)]
pub(super) struct Items<T> {
    /// All there is.
    pub(super) items: Vec<T>,
}

impl<T> FromIterator<T> for Items<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self { items: items.into_iter().collect() }
    }
}
