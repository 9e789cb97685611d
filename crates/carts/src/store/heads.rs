//! Which carts there are, and who has them.
//!
//! An owner has a thousand places for carts, and one for the default cart. A cart is made in the
//! transaction that takes its place and its name: so of many who want the same name, or the default
//! cart, one makes it, and there is never one cart too many.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::clock::add;
use base::store::{Body, Key, PAGE_MAX, Query, StoreError, When, Write};
use base::{Error, ErrorKind, Principal, Result, Store, StoreExt as _, TenantId, key};
use jiff::Timestamp;
use uuid::Uuid;

use super::{Basket, CARTS, REMEMBERED, held, rows};
use crate::model::{Cart, ItemId, Name, Owner};

/// How many named carts an owner may have.
pub const CARTS_MAX: u32 = 1_000;
/// How often a cart is made against others who take places at the same time.
const TRIES_MAX: u128 = 256;
/// The place of the default cart.
const DEFAULT: &str = "default";

/// The carts of all tenants.
#[derive(Clone)]
pub struct Heads {
    store: Arc<dyn Store>,
}

pub(super) fn head_partition(tenant: &TenantId, cart: Uuid) -> String {
    key![tenant, "cart", cart]
}

pub(super) fn owner_partition(tenant: &TenantId, principal: &str) -> String {
    key![tenant, "owner", principal]
}

pub(super) fn name_partition(tenant: &TenantId, principal: &str) -> String {
    key![tenant, "name", principal]
}

pub(super) fn gone_partition(tenant: &TenantId) -> String {
    key![tenant, "gone"]
}

pub(super) fn taken_partition(tenant: &TenantId, cart: Uuid) -> String {
    key![tenant, "taken", cart]
}

fn head_key(tenant: &TenantId, cart: Uuid) -> Key {
    Key::new(CARTS, head_partition(tenant, cart), "head")
}

fn place_key(owner: &Owner, place: &str) -> Key {
    Key::new(CARTS, owner_partition(&owner.tenant, owner.principal.as_str()), place)
}

fn name_key(owner: &Owner, name: &str) -> Key {
    Key::new(CARTS, name_partition(&owner.tenant, owner.principal.as_str()), key![name])
}

fn gone_key(tenant: &TenantId, cart: Uuid) -> Key {
    Key::new(CARTS, gone_partition(tenant), key![cart])
}

fn taken_key(tenant: &TenantId, cart: Uuid, item: &ItemId) -> Key {
    Key::new(CARTS, taken_partition(tenant, cart), item.as_str())
}

/// Which cart an entry names.
fn named(cart: Uuid) -> Body {
    Body::default().with("cart", cart.to_string())
}

impl Heads {
    /// Carts in this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The contents that a cart has now.
    pub fn basket(&self, cart: &Cart) -> Basket {
        self.contents(&cart.owner.tenant, cart.contents)
    }

    /// Some contents.
    pub fn contents(&self, tenant: &TenantId, contents: Uuid) -> Basket {
        Basket::new(self.store.clone(), tenant.clone(), contents)
    }

    /// A cart.
    ///
    /// # Errors
    /// What the store fails with; `Internal` when it cannot be read.
    pub async fn get(&self, tenant: &TenantId, cart: Uuid) -> Result<Option<Cart>> {
        let stored = self.store.get(head_key(tenant, cart)).await?;
        stored.map(|stored| rows::cart(tenant, &stored)).transpose()
    }

    /// A cart as it is now.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub async fn now(&self, cart: &Cart) -> Result<Option<Cart>> {
        self.get(&cart.owner.tenant, cart.id).await
    }

    /// Several carts, those that are there.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub async fn get_all(&self, tenant: &TenantId, carts: &[Uuid]) -> Result<Vec<Cart>> {
        let keys: Vec<Key> = carts.iter().map(|cart| head_key(tenant, *cart)).collect();
        let stored = self.store.get_all(&keys).await?;
        stored.iter().flatten().map(|stored| rows::cart(tenant, stored)).collect()
    }

    /// Which cart is the owner's default one.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn default_of(&self, owner: &Owner) -> Result<Option<Uuid>> {
        let stored = self.store.get(place_key(owner, DEFAULT)).await?;
        Ok(stored.and_then(|stored| stored.text("cart")?.parse().ok()))
    }

    /// The owner's carts, the newest first.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn of(&self, owner: &Owner) -> Result<Vec<Uuid>> {
        let mut carts: Vec<Uuid> = self.places(owner).await?.into_iter().map(|(_, cart)| cart).collect();
        carts.sort_unstable_by(|one, other| other.cmp(one));
        Ok(carts)
    }

    async fn places(&self, owner: &Owner) -> Result<Vec<(String, Uuid)>> {
        let partition = owner_partition(&owner.tenant, owner.principal.as_str());
        let stored = self.store.query_all(Query::new(CARTS, partition).limit(PAGE_MAX)).await?;
        let entry = |stored: base::store::Item| {
            let cart = stored.text("cart")?.parse().ok()?;
            Some((stored.key.sort, cart))
        };
        Ok(stored.into_iter().filter_map(entry).collect())
    }

    /// Makes a cart. A default cart may be there already; then that one is returned. So is the cart that
    /// this very request made before.
    ///
    /// # Errors
    /// `Conflict` when the name is taken, or every place.
    pub async fn create(&self, cart: &Cart) -> Result<Cart> {
        for turn in 0..TRIES_MAX {
            let places = self.places(&cart.owner).await?;
            let own = places.iter().find(|(place, id)| *id == cart.id || (cart.default && place == DEFAULT));
            if let Some((_, id)) = own {
                match self.get(&cart.owner.tenant, *id).await? {
                    Some(cart) => return Ok(cart),
                    // It is deleted at this very moment.
                    None => continue,
                }
            }
            let place = if cart.default { DEFAULT.to_owned() } else { free_place(&places, cart.id, turn)? };
            match self.store.write(self.making(cart, &place)?).await {
                Ok(version) => return Ok(Cart { version: Some(version), ..cart.clone() }),
                Err(StoreError::Failed(_)) => {
                    if self.gone(&cart.owner.tenant, cart.id).await?.is_some() {
                        return Err(gone(cart.id));
                    }
                    self.name_free(cart).await?;
                }
                Err(StoreError::Unknown(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::unavailable("the places of an owner changed hands too often"))
    }

    fn making(&self, cart: &Cart, place: &str) -> Result<Vec<Write>> {
        let entry = |key| Write::put(key, named(cart.id)).when(When::Absent);
        let mut writes = vec![
            Write::put(head_key(&cart.owner.tenant, cart.id), rows::cart_body(cart)?).when(When::Absent),
            entry(place_key(&cart.owner, place)),
            // A repetition that comes late must not make again what was deleted since.
            Write::check(gone_key(&cart.owner.tenant, cart.id), When::Absent),
            held::put(cart, cart.contents),
        ];
        if !cart.name.is_empty() {
            writes.push(entry(name_key(&cart.owner, &cart.name)));
        }
        writes.extend(self.basket(cart).open());
        Ok(writes)
    }

    /// Refuses a name that another cart of the owner has.
    async fn name_free(&self, cart: &Cart) -> Result<()> {
        if cart.name.is_empty() {
            return Ok(());
        }
        let holder = self.store.get(name_key(&cart.owner, &cart.name)).await?;
        let other = holder.is_some_and(|holder| holder.text("cart") != Some(&cart.id.to_string()));
        if other { Err(Error::conflict("You have a cart of this name already")) } else { Ok(()) }
    }

    /// The condition that a cart is there.
    pub fn is_there(&self, cart: &Cart) -> Write {
        Write::check(head_key(&cart.owner.tenant, cart.id), When::Present)
    }

    /// Gives a cart another name, unless somebody has changed it since it was read.
    ///
    /// # Errors
    /// `Conflict` when the name is taken.
    pub async fn rename(&self, cart: &Cart, name: &Name, now: Timestamp) -> Result<Option<Cart>> {
        let renamed = Cart { name: name.as_str().to_owned(), updated_at: now, ..cart.clone() };
        let head = head_key(&cart.owner.tenant, cart.id);
        let mut writes = vec![Write::put(head, rows::cart_body(&renamed)?).when(unchanged(cart))];
        if renamed.name != cart.name {
            let entry = name_key(&cart.owner, &renamed.name);
            writes.push(Write::put(entry, named(cart.id)).when(When::Absent));
            writes.extend((!cart.name.is_empty()).then(|| Write::delete(name_key(&cart.owner, &cart.name))));
        }
        match self.store.write(writes).await {
            Ok(version) => Ok(Some(Cart { version: Some(version), ..renamed })),
            Err(StoreError::Failed(_)) => self.name_free(&renamed).await.map(|()| None),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts other contents, which are open, in the place of a cart's, and closes those; says whether
    /// that was done. It is not when the cart has changed since it was read, or what lay in it since
    /// these stamps.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn switch(&self, cart: &Cart, stamps: &[Uuid], contents: Uuid, now: Timestamp) -> Result<bool> {
        let switched = Cart { contents, updated_at: now, ..cart.clone() };
        let head = head_key(&cart.owner.tenant, cart.id);
        let mut writes = vec![Write::put(head, rows::cart_body(&switched)?).when(unchanged(cart))];
        writes.extend(self.basket(cart).close_unchanged(stamps));
        writes.extend(self.contents(&cart.owner.tenant, contents).is_open());
        match self.store.write(writes).await {
            Ok(_) => Ok(true),
            Err(StoreError::Failed(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// What makes a cart disappear, unless somebody has changed it since it was read; its items are
    /// removed later.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn removal(&self, cart: &Cart, now: Timestamp) -> Result<Vec<Write>> {
        let (tenant, owner) = (&cart.owner.tenant, &cart.owner);
        let gone = Body::default().with("owner", owner.principal.as_str()).expiring(add(now, REMEMBERED));
        let mut writes = vec![
            Write::delete(head_key(tenant, cart.id)).when(unchanged(cart)),
            Write::put(gone_key(tenant, cart.id), gone),
        ];
        let place = self.places(owner).await?.into_iter().find(|(_, id)| *id == cart.id);
        writes.extend(place.map(|(place, _)| Write::delete(place_key(owner, &place))));
        writes.extend((!cart.name.is_empty()).then(|| Write::delete(name_key(owner, &cart.name))));
        writes.extend(self.basket(cart).close());
        Ok(writes)
    }

    /// Who had a cart that was deleted.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn gone(&self, tenant: &TenantId, cart: Uuid) -> Result<Option<Principal>> {
        let stored = self.store.get(gone_key(tenant, cart)).await?;
        Ok(stored.and_then(|stored| stored.text("owner").map(Principal::new)))
    }

    /// What remembers that an item was deleted.
    pub fn taken(&self, cart: &Cart, item: &ItemId, now: Timestamp) -> Write {
        let body = Body::default().expiring(add(now, REMEMBERED));
        Write::put(taken_key(&cart.owner.tenant, cart.id, item), body)
    }

    /// Whether an item of a cart was deleted lately.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn was_taken(&self, cart: &Cart, item: &ItemId) -> Result<bool> {
        Ok(self.store.get(taken_key(&cart.owner.tenant, cart.id, item)).await?.is_some())
    }
}

/// That a cart was deleted.
pub fn gone(cart: Uuid) -> Error {
    Error::new(ErrorKind::Gone, format!("Cart {cart} is deleted already"))
}

fn unchanged(cart: &Cart) -> When {
    cart.version.map_or(When::Present, When::Version)
}

/// A place that is free, another one in each turn and for each cart: who all wanted the first would
/// have to take turns.
fn free_place(places: &[(String, Uuid)], cart: Uuid, turn: u128) -> Result<String> {
    let taken: BTreeSet<&str> = places.iter().map(|(place, _)| place.as_str()).collect();
    let free: Vec<String> = (0..CARTS_MAX).map(|n| key![n]).filter(|place| !taken.contains(place.as_str())).collect();
    let full = || Error::conflict(format!("There may be at most {CARTS_MAX} carts beside the default one"));
    let count = free.len() as u128;
    let random = cart.as_u128() & ((1 << 62) - 1);
    let chosen = random.wrapping_add(turn).checked_rem(count).and_then(|n| usize::try_from(n).ok());
    chosen.and_then(|n| free.into_iter().nth(n)).ok_or_else(full)
}
