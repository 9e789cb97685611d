//! The socket, seen before the HTTP library sees it.
//!
//! The library takes some heads that another server would read differently: two lengths, bare line
//! feeds, no host. By the time a request reaches a handler that can no longer be seen. So every
//! byte passes [`Heads`], which follows the framing of HTTP/1 and knows where heads begin; a head
//! that could be read in two ways is never completed: the library is given a byte instead that no
//! head may hold, answers 400 in its turn and closes. [`Guarded`] also keeps the time: for a head,
//! for silence, and for a peer that takes nothing.

mod heads;
mod stream;

pub(crate) use heads::Heads;
pub(crate) use stream::{Guarded, Times};
