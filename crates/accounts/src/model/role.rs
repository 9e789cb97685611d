//! Names for sets of scopes. A role exists only when a key is made: the key holds scopes.

use std::str::FromStr;

use base::{Error, Result, Scope, Scopes};

/// A named set of scopes; each but `platform` holds the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Every `:read` of a tenant.
    Reader,
    /// Reader, and whatever writes records and runs jobs.
    Writer,
    /// Writer, and the tenant's keys and sensitive fields.
    Admin,
    /// Everything; in `system` only.
    Platform,
}

impl Role {
    /// Every role, the weakest first.
    pub const ALL: [Self; 4] = [Self::Reader, Self::Writer, Self::Admin, Self::Platform];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Admin => "admin",
            Self::Platform => "platform",
        }
    }

    /// What its holder may do.
    pub fn scopes(self) -> Scopes {
        Scope::ALL.into_iter().filter(|scope| self >= least(*scope)).collect()
    }
}

/// The weakest role that holds `scope`.
const fn least(scope: Scope) -> Role {
    match scope {
        Scope::SourceRead | Scope::CartsRead | Scope::IngestRead | Scope::JobsRead | Scope::TokensRead => Role::Reader,
        Scope::SourceWrite | Scope::CartsWrite | Scope::TokensWrite | Scope::IngestRun | Scope::JobsWrite => {
            Role::Writer
        }
        Scope::KeysAdmin | Scope::IngestSensitive => Role::Admin,
        Scope::TenantsAdmin | Scope::OpsRead => Role::Platform,
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| Error::invalid("role", "Unknown role. Allowed: reader, writer, admin, platform"))
    }
}

/// The first scope of `wanted` that `held` lacks.
pub(crate) fn missing(wanted: Scopes, held: Scopes) -> Option<Scope> {
    wanted.iter().find(|scope| !held.contains(*scope))
}

/// Scopes as a list of texts.
pub(crate) mod scope_list {
    use base::{Scope, Scopes};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(scopes: &Scopes, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(scopes.iter().map(Scope::as_str))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Scopes, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        texts.iter().map(|text| text.parse::<Scope>().map_err(serde::de::Error::custom)).collect()
    }
}
