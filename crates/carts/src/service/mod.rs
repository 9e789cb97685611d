//! Operations: authorize, decide, store.
//!
//! - [`carts`]: making, naming, removing carts. [`items`]: putting things in, and taking them out.
//!   [`contents`]: what lies in a cart. [`work`]: what runs as a job.

pub mod carts;
pub mod contents;
pub mod items;
pub mod work;

use std::sync::Arc;

use ::jobs::Engine;
use base::{Ctx, Error, ErrorKind, Result, Store};
use uuid::Uuid;

use crate::model::{Asked, Cart, Catalog, Owner};
use crate::store::Heads;

/// What the service is made of, besides the engine.
#[derive(Clone)]
pub struct Deps {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// The records that carts may hold.
    pub catalog: Arc<dyn Catalog>,
}

/// The service: selections of records.
pub struct Carts {
    deps: Deps,
    engine: Arc<Engine>,
    heads: Heads,
}

impl Carts {
    /// The service; `engine` knows its kinds (see [`register`](crate::register)).
    pub fn new(deps: Deps, engine: Arc<Engine>) -> Arc<Self> {
        Arc::new(Self { heads: Heads::new(deps.store.clone()), deps, engine })
    }

    /// A cart of the caller; their default one is made on its first use.
    ///
    /// # Errors
    /// `NotFound` when there is none, or it is not the caller's.
    pub async fn cart_use(&self, ctx: &Ctx, asked: Asked) -> Result<Cart> {
        match (self.find(ctx, asked).await?, asked) {
            (Some(cart), _) => Ok(cart),
            (None, Asked::Default) => self.heads.create(&Cart::new(ctx, None)).await,
            (None, Asked::Id(id)) => Err(missing(id)),
        }
    }

    /// A cart of the caller.
    ///
    /// # Errors
    /// As for [`cart_use`](Self::cart_use); also when there is no default cart yet.
    pub async fn cart_find(&self, ctx: &Ctx, asked: Asked) -> Result<Cart> {
        let cart = self.find(ctx, asked).await?;
        cart.ok_or_else(|| match asked {
            Asked::Default => Error::not_found("You have no default cart yet; it is made when it is first used"),
            Asked::Id(id) => missing(id),
        })
    }

    async fn find(&self, ctx: &Ctx, asked: Asked) -> Result<Option<Cart>> {
        let owner = Owner::of(ctx);
        let id = match asked {
            Asked::Id(id) => Some(id),
            Asked::Default => self.heads.default_of(&owner).await?,
        };
        let Some(id) = id else { return Ok(None) };
        let cart = self.heads.get(&ctx.tenant, id).await?;
        Ok(cart.filter(|cart| cart.owner == owner))
    }
}

fn missing(id: Uuid) -> Error {
    Error::not_found(format!("Cart {id} not found"))
}

/// Whether a write was refused because what it relied on had changed.
fn moved(error: &Error) -> bool {
    error.kind() == ErrorKind::Conflict
}

impl std::fmt::Debug for Carts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Carts").finish_non_exhaustive()
    }
}
