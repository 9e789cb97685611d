//! Tables, keys, versioned codecs and queries; the only folder that names `Store`.
//!
//! | table | partition | sort | holds |
//! |---|---|---|---|
//! | carts | tenant, `cart`, cart | `head` | the cart |
//! | carts | tenant, `owner`, principal | place | which carts somebody has: `default`, or one of 1,000 places |
//! | carts | tenant, `name`, principal | name | which cart has it |
//! | carts | tenant, `contents` | cart, contents | everything that holds items, or may |
//! | carts | tenant, `count`, contents | digit | how many items begin with it; not there = the cart is gone |
//! | carts | tenant, `type`, contents | digit, type | how many of those are of a type |
//! | carts | tenant, `gone` | cart | that a cart was deleted; 30 days |
//! | carts | tenant, `taken`, cart | item | that an item was deleted; 30 days |
//! | cart_items | tenant, `item`, contents, digit | id | an item |
//!
//! A cart names its contents, so that others can take their place in one write. The items of some
//! contents lie in sixteen partitions by the first digit of their id, each with its count: whoever adds
//! an item adds to its count in the same transaction, on the condition that the count is there.
//!
//! - [`heads`]: which carts there are. [`basket`]: the items of some contents. [`held`]: what a tenant
//!   has of all this.

pub mod basket;
pub mod heads;
pub mod held;
mod rows;

use base::store::Table;

pub use basket::Basket;
pub use heads::Heads;

/// Carts, who has them, and counts.
pub const CARTS: Table = Table("carts");
/// Items.
pub const ITEMS: Table = Table("cart_items");
/// Every table of this service.
pub const TABLES: [Table; 2] = [CARTS, ITEMS];

/// How long it is known that something was deleted.
pub(crate) const REMEMBERED: std::time::Duration = std::time::Duration::from_secs(30 * 86_400);
