//! A page of a list, and where the next one starts.

/// Part of a list. `next` is where to go on, in the words of whoever made the page: a sort key
/// below `web`, an opaque cursor above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on this page, in the order of the list.
    pub items: Vec<T>,
    /// Where the next page starts; `None` at the end. A page may be empty and still go on.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page of what `f` makes of each item.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}
