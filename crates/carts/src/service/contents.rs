//! What lies in a cart: a page of it, all of it, how much of it.

use std::collections::{BTreeMap, VecDeque};

use base::store::PAGE_MAX;
use base::{Ctx, Page, Result};

use super::Carts;
use crate::model::{Asked, Cart, Item};
use crate::store::Basket;

/// All items of a cart in the order of their ids, one after the other, in constant memory. The contents
/// are those that the cart had when it was asked for; what is put in or taken out meanwhile may be seen
/// or not.
pub struct Reading {
    basket: Basket,
    /// Where to go on; `None` behind the end.
    after: Option<Option<String>>,
    buffer: VecDeque<Item>,
}

impl Reading {
    /// The next item.
    ///
    /// # Errors
    /// What the store fails with; the reading is over then.
    pub async fn next(&mut self) -> Result<Option<Item>> {
        while self.buffer.is_empty() {
            let Some(after) = self.after.take() else { return Ok(None) };
            let page = self.basket.page(after, PAGE_MAX).await?;
            self.buffer.extend(page.items);
            self.after = page.next.map(Some);
        }
        Ok(self.buffer.pop_front())
    }
}

impl Carts {
    /// A page of the items of a cart that was found, in the order of their ids.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn item_page(&self, cart: &Cart, after: Option<String>, limit: usize) -> Result<Page<Item>> {
        self.heads.basket(cart).page(after, limit).await
    }

    /// All items of a cart.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn item_scan(&self, ctx: &Ctx, asked: Asked) -> Result<Reading> {
        let basket = self.heads.basket(&self.cart_use(ctx, asked).await?);
        Ok(Reading { basket, after: Some(None), buffer: VecDeque::new() })
    }

    /// How many items of each type are in a cart.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn summary(&self, ctx: &Ctx, asked: Asked) -> Result<(Cart, BTreeMap<String, u64>)> {
        let cart = self.cart_use(ctx, asked).await?;
        let types = self.heads.basket(&cart).types().await?;
        Ok((cart, types))
    }
}
