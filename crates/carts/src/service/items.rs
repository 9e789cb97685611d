//! Putting things in a cart, and taking them out.
//!
//! An item is put in, replaced or taken in one transaction with the count of its digit. That fails when
//! the cart was deleted, or other contents have taken the place of its own: then the cart is looked up
//! once more.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::jobs::run::COMMIT_WRITES_MAX;
use base::store::{StoreError, Write};
use base::{Ctx, Error, ErrorKind, Result};

use super::Carts;
use crate::model::{Asked, Cart, Item, ItemId, Owner};
use crate::store::Basket;
use crate::store::basket::Change;

/// So many items and counts of their types are one transaction at most, be it a job's: one more write is
/// the count of their digit.
pub(crate) const CHUNK_WRITES_MAX: usize = COMMIT_WRITES_MAX - 1;
/// So many bytes of attributes are one transaction.
pub(crate) const CHUNK_BYTES_MAX: usize = 2 << 20;
/// How often an item is written against others who write the same one.
const TRIES_MAX: usize = 64;

/// What became of an item.
#[derive(Clone, Debug)]
pub struct Added {
    /// As it lies in the cart now.
    pub item: Item,
    /// Whether it was not there before.
    pub new: bool,
}

/// One more, or one less, of an item's type.
fn change(item: &Item, n: i64) -> Change {
    BTreeMap::from([(item.entity.entity_type.clone(), n)])
}

impl Carts {
    /// Puts an item in a cart, or replaces the attributes of the one that is there. `kept` makes what is
    /// written in the same transaction.
    ///
    /// # Errors
    /// `NotFound` when there is no such cart.
    pub async fn item_add(
        &self,
        ctx: &Ctx,
        asked: Asked,
        item: &Item,
        kept: impl Fn(&Added) -> Result<Option<Write>>,
    ) -> Result<Added> {
        for _ in 0..TRIES_MAX {
            let cart = self.cart_use(ctx, asked).await?;
            let basket = self.heads.basket(&cart);
            let counted = |n| basket.count(item.id.digit(), &change(item, n));
            let (added, mut writes) = match basket.get(&item.id).await? {
                None => {
                    let put = basket.put(item)?;
                    (Added { item: item.clone(), new: true }, counted(1).into_iter().chain([put]).collect())
                }
                Some((there, _)) if there.attributes == item.attributes => {
                    (Added { item: there, new: false }, Vec::new())
                }
                Some((there, _)) => {
                    let item = Item { added_at: there.added_at, ..item.clone() };
                    // Of several who replace it, the last one does: none has to read it again.
                    let replaced = basket.replace(&item)?;
                    (Added { item, new: false }, counted(0).into_iter().chain([replaced]).collect())
                }
            };
            writes.extend(kept(&added)?);
            if writes.is_empty() {
                return Ok(added);
            }
            match basket.write(writes).await {
                Ok(()) => return Ok(added),
                Err(StoreError::Failed(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::unavailable("an item changed too often"))
    }

    /// Puts many items in a cart; says of each, in its order, whether it is new.
    ///
    /// # Errors
    /// `NotFound` when there is no such cart; what the store fails with, and any of the items may be in
    /// the cart then.
    pub async fn items_add(&self, ctx: &Ctx, asked: Asked, items: &[Item]) -> Result<Vec<bool>> {
        let last: HashMap<&ItemId, &Item> = items.iter().map(|item| (&item.id, item)).collect();
        let mut once: Vec<&Item> = last.into_values().collect();
        once.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        let mut cart = self.cart_use(ctx, asked).await?;
        let mut new: HashMap<ItemId, bool> = HashMap::with_capacity(once.len());
        for chunk in chunks(&once) {
            for item in self.insert(ctx, &mut cart, chunk, &mut new).await? {
                let added = self.item_add(ctx, Asked::Id(cart.id), item, |_| Ok(None)).await?;
                new.insert(added.item.id, added.new);
            }
        }
        // Of those that are one item, the first is the new one.
        Ok(items.iter().map(|item| new.insert(item.id.clone(), false).unwrap_or(false)).collect())
    }

    /// Puts in those of a chunk that are not there; returns the others.
    async fn insert<'i>(
        &self,
        ctx: &Ctx,
        cart: &mut Cart,
        chunk: &[&'i Item],
        new: &mut HashMap<ItemId, bool>,
    ) -> Result<Vec<&'i Item>> {
        let (mut absent, mut present) = (chunk.to_vec(), Vec::new());
        for _ in 0..TRIES_MAX {
            if absent.is_empty() {
                return Ok(present);
            }
            let basket = self.heads.basket(cart);
            let mut writes = insertion(&basket, &absent)?;
            writes.extend(basket.count(absent[0].id.digit(), &changes(&absent)));
            match basket.write(writes).await {
                Ok(()) => {
                    new.extend(absent.drain(..).map(|item| (item.id.clone(), true)));
                }
                Err(StoreError::Failed(failed)) if failed.contains(&absent.len()) => {
                    *cart = self.cart_find(ctx, Asked::Id(cart.id)).await?;
                }
                Err(StoreError::Failed(failed)) => present.extend(set_apart(&mut absent, &failed)),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::unavailable("a cart changed too often"))
    }

    /// Takes an item out of a cart; returns it.
    ///
    /// # Errors
    /// `NotFound`; `Gone` when it was deleted before; `Conflict` when it is in another cart of the
    /// caller.
    pub async fn item_delete(&self, ctx: &Ctx, asked: Asked, id: &ItemId) -> Result<Item> {
        for _ in 0..TRIES_MAX {
            let cart = self.cart_find(ctx, asked).await?;
            let basket = self.heads.basket(&cart);
            let Some((item, when)) = basket.get(id).await? else { return Err(self.no_item(ctx, &cart, id).await?) };
            let mut writes = basket.count(id.digit(), &change(&item, -1));
            writes.push(basket.take(id, when));
            writes.push(self.heads.taken(&cart, id, ctx.now()));
            match basket.write(writes).await {
                Ok(()) => return Ok(item),
                Err(StoreError::Failed(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::unavailable("an item changed too often"))
    }

    /// Why an item is not in a cart.
    async fn no_item(&self, ctx: &Ctx, cart: &Cart, id: &ItemId) -> Result<Error> {
        if self.heads.was_taken(cart, id).await? {
            return Ok(Error::new(ErrorKind::Gone, "This item is deleted already"));
        }
        let others = self.heads.of(&Owner::of(ctx)).await?;
        let others = self.heads.get_all(&ctx.tenant, &others).await?;
        let baskets: Vec<Basket> = others.iter().map(|cart| self.heads.basket(cart)).collect();
        Ok(match Basket::holding(&baskets, id).await? {
            Some(_) => Error::conflict("This item is in another cart of yours"),
            None => Error::not_found(format!("Item {id} not found")),
        })
    }
}

/// The writes that put items in which are not there.
pub(crate) fn insertion(basket: &Basket, items: &[&Item]) -> Result<Vec<Write>> {
    items.iter().map(|item| basket.put(item)).collect()
}

/// How many items of each type these are.
pub(crate) fn changes(items: &[&Item]) -> Change {
    let mut change = Change::new();
    for item in items {
        *change.entry(item.entity.entity_type.clone()).or_default() += 1;
    }
    change
}

/// Takes those at these places out of a list.
pub(crate) fn set_apart<'i>(items: &mut Vec<&'i Item>, places: &[usize]) -> Vec<&'i Item> {
    let all = std::mem::take(items).into_iter().enumerate();
    let (out, rest): (Vec<_>, Vec<_>) = all.partition(|(place, _)| places.contains(place));
    *items = rest.into_iter().map(|(_, item)| item).collect();
    out.into_iter().map(|(_, item)| item).collect()
}

/// Cuts items that follow each other by digit into what is one transaction each.
pub(crate) fn chunks<'s, 'i>(items: &'s [&'i Item]) -> Vec<&'s [&'i Item]> {
    let (mut chunks, mut rest) = (Vec::new(), items);
    while !rest.is_empty() {
        let (chunk, others) = rest.split_at(chunk_len(rest));
        chunks.push(chunk);
        rest = others;
    }
    chunks
}

/// How many of these, from the first on, are one transaction; at least one.
pub(crate) fn chunk_len(items: &[&Item]) -> usize {
    let (mut types, mut bytes) = (BTreeSet::new(), 0);
    for (place, item) in items.iter().enumerate() {
        types.insert(item.entity.entity_type.as_str());
        bytes += item.attributes.as_ref().map_or(0, String::len);
        let small = place + 1 + types.len() <= CHUNK_WRITES_MAX && bytes <= CHUNK_BYTES_MAX;
        if place > 0 && !(small && item.id.digit() == items[0].id.digit()) {
            return place;
        }
    }
    items.len()
}
