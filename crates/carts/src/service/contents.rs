//! What lies in a cart: a page of it, all of it, how much of it.
//!
//! Contents are swept once no cart names them, so what was read of them is whole only if the cart named
//! them still when that was done.

use std::collections::{BTreeMap, VecDeque};

use base::store::PAGE_MAX;
use base::{Ctx, Error, Page, Result};

use super::{Carts, missing};
use crate::model::{Asked, Cart, Item};
use crate::store::{Basket, Heads};

/// How often contents are read that others replace meanwhile.
const TRIES_MAX: usize = 16;

/// All items of a cart in the order of their ids, one after the other, in constant memory. The contents
/// are those that the cart had when it was asked for; what is put in or taken out meanwhile may be seen
/// or not.
pub struct Reading {
    heads: Heads,
    cart: Cart,
    /// Where to go on; `None` behind the end.
    after: Option<Option<String>>,
    buffer: VecDeque<Item>,
}

impl Reading {
    /// The next item; `None` = those were all.
    ///
    /// # Errors
    /// `Conflict` when the cart was deleted, or combined, before the end; what the store fails with. The
    /// reading is over then.
    pub async fn next(&mut self) -> Result<Option<Item>> {
        while self.buffer.is_empty() {
            let Some(after) = self.after.take() else { return self.end().await.map(|()| None) };
            let page = self.heads.basket(&self.cart).page(after, PAGE_MAX).await?;
            self.buffer.extend(page.items);
            self.after = page.next.map(Some);
        }
        Ok(self.buffer.pop_front())
    }

    async fn end(&self) -> Result<()> {
        let now = self.heads.now(&self.cart).await?;
        let same = now.is_some_and(|now| now.contents == self.cart.contents);
        if same { Ok(()) } else { Err(Error::conflict("The cart was deleted or combined while it was read")) }
    }
}

impl Carts {
    /// A page of the items of a cart that was found, in the order of their ids.
    ///
    /// # Errors
    /// `NotFound` when the cart is deleted meanwhile; what the store fails with.
    pub async fn item_page(&self, cart: &Cart, after: Option<String>, limit: usize) -> Result<Page<Item>> {
        self.whole(cart.clone(), |basket| {
            let after = after.clone();
            async move { basket.page(after, limit).await }
        })
        .await
    }

    /// All items of a cart.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn item_scan(&self, ctx: &Ctx, asked: Asked) -> Result<Reading> {
        let cart = self.cart_use(ctx, asked).await?;
        Ok(Reading { heads: self.heads.clone(), cart, after: Some(None), buffer: VecDeque::new() })
    }

    /// How many items there are in a cart, and how many of each of its first `types_max` types by name.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn summary(
        &self,
        ctx: &Ctx,
        asked: Asked,
        types_max: usize,
    ) -> Result<(Cart, u64, BTreeMap<String, u64>)> {
        let cart = self.cart_use(ctx, asked).await?;
        let read =
            |basket: Basket| async move { Ok((basket.len().await?.unwrap_or(0), basket.types(types_max).await?)) };
        let (items, types) = self.whole(cart.clone(), read).await?;
        Ok((cart, items, types))
    }

    /// What `read` finds in contents that the cart names before and after.
    pub(super) async fn whole<T, F>(&self, mut cart: Cart, read: impl Fn(Basket) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        for _ in 0..TRIES_MAX {
            let found = read(self.heads.basket(&cart)).await?;
            let now = self.heads.now(&cart).await?.ok_or_else(|| missing(cart.id))?;
            if now.contents == cart.contents {
                return Ok(found);
            }
            cart = now;
        }
        Err(Error::unavailable("a cart changed too often"))
    }
}
