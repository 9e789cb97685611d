//! A tenant: whose data it is.
//!
//! The id never changes and never returns: it begins every key of the tenant's data, so a second
//! tenant under the id of a deleted one would inherit whatever was left. The slug is what people
//! type; it is unique among the living and may be changed. One that was given up goes on naming its tenant
//! until that is removed: tokens and configurations that name it would else mean whoever took it next.

use std::fmt;
use std::str::FromStr;

use base::{Error, Result, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Settings, check_name};

/// So many slugs that it had before go on naming a tenant.
const SLUGS_BEFORE_MAX: usize = 20;

/// What people call a tenant in addresses and on command lines: `[a-z0-9-]{1,63}`, not `-` at its
/// ends, and not of the form of an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slug(String);

impl Slug {
    /// The slug as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The slug that is the same as a tenant's id: `system` and `default` have no other.
    pub(crate) fn of(id: &TenantId) -> Self {
        Self(id.as_str().to_owned())
    }
}

impl FromStr for Slug {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let word = "A slug is 1 to 63 characters a-z, 0-9 or -, not - at its ends, no UUID, and not `public`";
        let formed = text.parse::<TenantId>().is_ok() && Uuid::try_parse(text).is_err() && text != TenantId::PUBLIC;
        if formed { Ok(Self(text.to_owned())) } else { Err(Error::invalid("slug", word)) }
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a tenant's keys are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TenantStatus {
    /// They are.
    Active,
    /// They are answered 403.
    Suspended,
}

impl TenantStatus {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

/// Whose data it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Begins every key of its data; never changes, never returns.
    pub id: TenantId,
    /// What it is called.
    pub name: String,
    /// What people type.
    pub slug: Slug,
    /// Whether its keys are let in.
    pub status: TenantStatus,
    /// What it may use, and for how long its traces are kept.
    pub settings: Settings,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Slugs that it had before, which go on naming it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) slugs_before: Vec<Slug>,
    /// Since when a job is to remove it; from then on it can only go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleting_since: Option<Timestamp>,
}

impl Tenant {
    /// A tenant as it begins.
    pub(crate) fn new(id: TenantId, ask: NewTenant, now: Timestamp) -> Self {
        Self {
            id,
            name: ask.name,
            slug: ask.slug,
            status: TenantStatus::Active,
            settings: ask.settings,
            created_at: now,
            updated_at: now,
            slugs_before: Vec::new(),
            deleting_since: None,
        }
    }

    /// Whose all is that is the same for everybody, and that callers without a key have. It has no row, no keys
    /// and no settings of its own; keys of `system` act for it.
    ///
    /// # Errors
    /// Never, as long as `public` can name a tenant.
    pub(crate) fn public() -> Result<Self> {
        let id: TenantId = TenantId::PUBLIC.parse()?;
        let (slug, name, settings) = (Slug::of(&id), "Public".to_owned(), Settings::default());
        Ok(Self::new(id, NewTenant { name, slug, settings }, Timestamp::UNIX_EPOCH))
    }

    /// The tenant after `patch`.
    ///
    /// # Errors
    /// `Invalid` for a name or setting that is not allowed; `Conflict` for a tenant on its way
    /// out, for a suspended `system`, for another slug of `system` or `default`, and for one slug too many.
    pub(crate) fn patched(&self, patch: TenantPatch, now: Timestamp) -> Result<Self> {
        if self.deleting_since.is_some() {
            return Err(Error::conflict("The tenant is being deleted"));
        }
        let mut new = Self {
            name: patch.name.unwrap_or_else(|| self.name.clone()),
            slug: patch.slug.unwrap_or_else(|| self.slug.clone()),
            status: patch.status.unwrap_or(self.status),
            settings: patch.settings.unwrap_or_else(|| self.settings.clone()),
            updated_at: now,
            ..self.clone()
        };
        check_name("name", &new.name)?;
        new.settings.check()?;
        if self.is_system() && new.status == TenantStatus::Suspended {
            return Err(Error::conflict("The tenant system cannot be suspended: nobody could undo it"));
        }
        let fixed = matches!(self.id.as_str(), TenantId::SYSTEM | TenantId::DEFAULT);
        if fixed && new.slug != self.slug {
            return Err(Error::conflict(format!("The tenant {} keeps its slug", self.id)));
        }
        if new.slug != self.slug {
            new.slugs_before.retain(|before| *before != new.slug);
            new.slugs_before.push(self.slug.clone());
        }
        if new.slugs_before.len() > SLUGS_BEFORE_MAX {
            return Err(Error::conflict(format!("The tenant has had {SLUGS_BEFORE_MAX} other slugs already")));
        }
        Ok(new)
    }

    /// The tenant on its way out: nobody is let in, and a job removes it.
    ///
    /// # Errors
    /// `Conflict` for `system`.
    pub(crate) fn leaving(&self, now: Timestamp) -> Result<Self> {
        if self.is_system() {
            return Err(Error::conflict("The tenant system cannot be deleted"));
        }
        Ok(Self {
            status: TenantStatus::Suspended,
            updated_at: now,
            deleting_since: Some(self.deleting_since.unwrap_or(now)),
            ..self.clone()
        })
    }

    /// Every slug that names it.
    pub(crate) fn slugs(&self) -> impl Iterator<Item = &Slug> {
        std::iter::once(&self.slug).chain(&self.slugs_before)
    }

    /// Whether it is the platform's own.
    pub fn is_system(&self) -> bool {
        self.id.as_str() == TenantId::SYSTEM
    }
}

/// What is asked for when a tenant is made.
#[derive(Clone, Debug)]
pub struct NewTenant {
    /// What it is called.
    pub name: String,
    /// What people type.
    pub slug: Slug,
    /// What it may use.
    pub settings: Settings,
}

impl NewTenant {
    /// Refuses names and settings that are not allowed.
    pub(crate) fn check(&self) -> Result<()> {
        check_name("name", &self.name)?;
        self.settings.check()
    }
}

/// What to change of a tenant; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct TenantPatch {
    /// What it is called.
    pub name: Option<String>,
    /// What people type.
    pub slug: Option<Slug>,
    /// Whether its keys are let in.
    pub status: Option<TenantStatus>,
    /// What it may use; replaced as a whole.
    pub settings: Option<Settings>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_at_most_twenty_slugs_beside_its_own() {
        let ask = NewTenant { name: "A".to_owned(), slug: "a0".parse().unwrap(), settings: Settings::default() };
        let mut tenant = Tenant::new("a".parse().unwrap(), ask, Timestamp::UNIX_EPOCH);
        let named = |tenant: &Tenant, slug: &str| {
            let patch = TenantPatch { slug: Some(slug.parse().unwrap()), ..TenantPatch::default() };
            tenant.patched(patch, Timestamp::UNIX_EPOCH)
        };
        for n in 1..=SLUGS_BEFORE_MAX {
            tenant = named(&tenant, &format!("a{n}")).unwrap();
        }
        assert_eq!(named(&tenant, "one-more").unwrap_err().kind(), base::ErrorKind::Conflict);
        let back = named(&tenant, "a0").unwrap();
        assert_eq!((back.slug.as_str(), back.slugs().count()), ("a0", SLUGS_BEFORE_MAX + 1));
    }
}
