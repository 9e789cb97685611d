//! Types and rules: no I/O, no wire format.
//!
//! 1. [`form`]: what an API key looks like. [`key`]: what we keep of it.
//! 2. [`role`]: names for sets of scopes.
//! 3. [`tenant`]: a tenant and its settings; [`settings`]: what they may be.
//! 4. [`event`]: what the audit remembers.
//! 5. [`jwt`]: tokens of other issuers and our own. [`iam`]: principals of AWS.

mod event;
mod form;
mod iam;
pub mod jwt;
mod key;
mod role;
mod settings;
mod tenant;

pub use event::{Denials, Entry, Event, NewEvent};
pub use form::{KeyId, Presented, mint};
pub use iam::IamPrincipal;
pub use key::{ApiKey, MadeKey, NewKey};
pub use role::Role;
pub use settings::{Per, Rate, Settings};
pub use tenant::{NewTenant, Slug, Tenant, TenantPatch, TenantStatus};

pub(crate) use role::{missing, scope_list};

use base::{Error, Result};

/// Names are for people: 1 to 100 characters, none of them a control character.
fn check_name(field: &str, name: &str) -> Result<()> {
    let fits = (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits && !name.trim().is_empty() {
        Ok(())
    } else {
        Err(Error::invalid(field, "A name is 1 to 100 characters, not all blank, without control characters"))
    }
}
