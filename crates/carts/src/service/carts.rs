//! Making, naming, removing carts.

use ::jobs::{NewJob, Priority};
use base::store::Version;
use base::{Ctx, Error, ErrorKind, Page, Result};
use futures::StreamExt as _;
use uuid::Uuid;

use super::{Carts, missing, moved};
use crate::jobs::{REMOVE, RemoveParams};
use crate::model::{Asked, Cart, Name, Owner};
use crate::store::heads::gone;

/// How often a change is tried against others who change the same cart.
const TRIES_MAX: usize = 64;
/// So many carts of a list are counted at the same time.
const COUNTED_AT_ONCE: usize = 16;

/// A cart, and how many items it has.
#[derive(Clone, Debug)]
pub struct Counted {
    /// The cart.
    pub cart: Cart,
    /// How many items.
    pub items: u64,
}

impl Carts {
    /// Makes a cart; the one that this very request made before is that cart.
    ///
    /// # Errors
    /// `Conflict` when the name is taken, or there are too many carts.
    pub async fn cart_create(&self, new: &Cart) -> Result<Counted> {
        let cart = self.heads.create(new).await?;
        self.cart_count(cart).await
    }

    /// The caller's carts, the newest first, behind the one of the id `after`.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn cart_page(&self, ctx: &Ctx, after: Option<String>, limit: usize) -> Result<Page<Counted>> {
        let all = self.heads.of(&Owner::of(ctx)).await?;
        let after = after.and_then(|after| Uuid::try_parse(&after).ok());
        let rest: Vec<Uuid> = all.into_iter().filter(|id| after.is_none_or(|after| *id < after)).collect();
        let (page, more) = rest.split_at(limit.min(rest.len()));
        let carts = self.heads.get_all(&ctx.tenant, page).await?;
        let counting = futures::stream::iter(carts.into_iter().map(|cart| self.cart_count(cart)));
        let counted: Vec<_> = counting.buffered(COUNTED_AT_ONCE).collect().await;
        // What is deleted at this moment is not listed.
        let there = counted.into_iter().filter(|counted| !counted.as_ref().is_err_and(is_missing));
        let items = there.collect::<Result<_>>()?;
        let next = page.last().filter(|_| !more.is_empty()).map(Uuid::to_string);
        Ok(Page { items, next })
    }

    /// How many items a cart has.
    ///
    /// # Errors
    /// `NotFound` when it is deleted meanwhile; what the store fails with.
    pub async fn cart_count(&self, cart: Cart) -> Result<Counted> {
        if let Some(items) = self.heads.basket(&cart).len().await? {
            return Ok(Counted { cart, items });
        }
        let items = self.whole(cart.clone(), |basket| async move { basket.len().await }).await?;
        Ok(Counted { cart, items: items.unwrap_or(0) })
    }

    /// Gives a cart another name; `check` sees the version that is changed, and `named` the id in the
    /// body, if there is one.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when the body names another cart; `Conflict` when the name is taken; what
    /// `check` says.
    pub async fn cart_rename(
        &self,
        ctx: &Ctx,
        asked: Asked,
        name: &Name,
        named: Option<&str>,
        check: impl Fn(Option<Version>) -> Result<()>,
    ) -> Result<Counted> {
        for _ in 0..TRIES_MAX {
            let cart = self.cart_find(ctx, asked).await?;
            if named.is_some_and(|named| named != cart.id.to_string()) {
                return Err(Error::invalid(
                    "id",
                    "The id of a cart never changes; leave it out, or send that of the path",
                ));
            }
            check(cart.version)?;
            if let Some(cart) = self.heads.rename(&cart, name, ctx.now()).await? {
                return self.cart_count(cart).await;
            }
        }
        Err(Error::unavailable("a cart changed too often"))
    }

    /// Makes a cart disappear at once; a job removes its items. Returns it as it was.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` when it is another user's; `Gone` when it was deleted before; what
    /// `check` says.
    pub async fn cart_delete(
        &self,
        ctx: &Ctx,
        asked: Asked,
        check: impl Fn(Option<Version>) -> Result<()>,
    ) -> Result<Counted> {
        for _ in 0..TRIES_MAX {
            let cart = self.to_delete(ctx, asked).await?;
            check(cart.version)?;
            let counted = match self.cart_count(cart).await {
                Err(error) if is_missing(&error) => continue,
                counted => counted?,
            };
            let cart = &counted.cart;
            let params = RemoveParams { cart: cart.id, contents: cart.contents };
            let params = serde_json::to_string(&params).map_err(Error::internal)?;
            let writes = self.heads.removal(cart, ctx.now()).await?;
            let job = NewJob { writes, priority: Priority::Low, ..NewJob::new(REMOVE, params) };
            match self.engine.job_enqueue(ctx, job).await {
                Ok(_) => return Ok(counted),
                Err(error) if moved(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::unavailable("a cart changed too often"))
    }

    async fn to_delete(&self, ctx: &Ctx, asked: Asked) -> Result<Cart> {
        let Asked::Id(id) = asked else { return self.cart_find(ctx, asked).await };
        match self.heads.get(&ctx.tenant, id).await? {
            Some(cart) if cart.owner == Owner::of(ctx) => Ok(cart),
            Some(_) => Err(Error::new(ErrorKind::Forbidden, "This cart belongs to another user")),
            None => match self.heads.gone(&ctx.tenant, id).await? {
                Some(owner) if owner == ctx.principal => Err(gone(id)),
                _ => Err(missing(id)),
            },
        }
    }
}

fn is_missing(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound
}
