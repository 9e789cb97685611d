//! The noun: a named selection of one owner.

use std::str::FromStr;

use base::store::Version;
use base::{Ctx, Error, Principal, TenantId};
use jiff::Timestamp;
use uuid::Uuid;

/// The longest name, in characters.
pub const NAME_CHARS_MAX: usize = 255;
/// The alias of the caller's default cart.
pub const DEFAULT: &str = "default";

/// Whose carts they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Of which tenant.
    pub tenant: TenantId,
    /// Who.
    pub principal: Principal,
}

impl Owner {
    /// Who asks.
    pub fn of(ctx: &Ctx) -> Self {
        Self { tenant: ctx.tenant.clone(), principal: ctx.principal.clone() }
    }
}

/// The name that somebody gives a cart: 1 to 255 characters, none of them a control character. The
/// default cart begins with the empty one, which nobody can give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if (1..=NAME_CHARS_MAX).contains(&text.chars().count()) && !text.contains(char::is_control) {
            return Ok(Self(text.to_owned()));
        }
        let why = format!("A name is 1 to {NAME_CHARS_MAX} characters, none of them a control character");
        Err(Error::invalid("cart_name", why))
    }
}

/// Which cart somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The caller's default cart.
    Default,
    /// The cart of this id.
    Id(Uuid),
}

impl FromStr for Asked {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let id = Uuid::try_parse(text).ok().filter(|id| id.to_string() == text);
        match id {
            Some(id) => Ok(Self::Id(id)),
            None if text == DEFAULT => Ok(Self::Default),
            None => Err(Error::invalid("id", "The id of a cart is a UUID in lower case, or default")),
        }
    }
}

/// A cart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cart {
    /// Its name in the path.
    pub id: Uuid,
    /// Whose it is.
    pub owner: Owner,
    /// What its owner calls it; empty unless the default cart was named.
    pub name: String,
    /// Whether it is the owner's default cart.
    pub default: bool,
    /// Names what lies in it now: a combination puts other contents in the place of these.
    pub contents: Uuid,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was renamed, or its contents replaced.
    pub updated_at: Timestamp,
    /// The stamp of its head.
    pub version: Option<Version>,
}

impl Cart {
    /// A cart that is not stored yet; its first contents have its own id.
    pub fn new(ctx: &Ctx, name: Option<&Name>) -> Self {
        let id = ctx.uuid("cart");
        Self {
            id,
            owner: Owner::of(ctx),
            name: name.map(|name| name.as_str().to_owned()).unwrap_or_default(),
            default: name.is_none(),
            contents: id,
            created_at: ctx.now(),
            updated_at: ctx.now(),
            version: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_as_many_characters_as_are_allowed() {
        for good in ["a", " ", "é", &"é".repeat(255)] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", "a\nb", &"é".repeat(256)] {
            assert_eq!(bad.parse::<Name>().unwrap_err().details()[0].field, "cart_name", "{bad}");
        }
    }

    #[test]
    fn an_id_has_one_spelling() {
        let id = "6b801de6-11d4-46c0-aed1-ca2110aa7d3c";
        assert_eq!(id.parse::<Asked>().unwrap(), Asked::Id(Uuid::try_parse(id).unwrap()));
        assert_eq!("default".parse::<Asked>().unwrap(), Asked::Default);
        for bad in ["Default", "6B801DE6-11D4-46C0-AED1-CA2110AA7D3C", "6b801de611d446c0aed1ca2110aa7d3c", "1", ""] {
            assert_eq!(bad.parse::<Asked>().unwrap_err().details()[0].field, "id", "{bad}");
        }
    }
}
