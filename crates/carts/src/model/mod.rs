//! Types and rules: what a cart is, what lies in one, which records a query selects. Pure.
//!
//! 1. [`cart`]: a named selection of one owner. [`item`]: what lies in it, and what names it.
//! 2. [`filter`]: which records a query selects.
//! 3. [`catalog`]: the records that carts may hold; a trait that others implement.
//! 4. [`combine`](mod@combine): what becomes of two carts.

pub mod cart;
pub mod catalog;
pub mod combine;
pub mod filter;
pub mod item;

pub use cart::{Asked, Cart, Name, Owner};
pub use catalog::{Catalog, Found, View};
pub use combine::Op;
pub use filter::Filter;
pub use item::{Entity, Item, ItemId};
