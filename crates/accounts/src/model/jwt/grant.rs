//! What somebody else's scopes and groups allow here.
//!
//! A token is issued by a program that knows nothing of our scopes. The configuration says which of
//! its words stand for which of ours; a word that is not in the list stands for nothing.

use std::str::FromStr;

use base::{Error, Result, Scope, Scopes};

use crate::model::Role;

/// One word of an issuer, and what it allows: `admins=admin` or `api/read=jobs:read`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// A scope or a group, as the issuer writes it.
    pub word: String,
    /// What its holder may do.
    pub scopes: Scopes,
}

/// What every word allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(pub Vec<Grant>);

impl Grant {
    /// What a role or a scope allows, as a setting names it.
    ///
    /// # Errors
    /// `Invalid` for any other word, and for what only the platform may do: that is never given
    /// away by another program.
    pub fn scopes_of(name: &str) -> Result<Scopes> {
        let role = name.parse::<Role>().map(Role::scopes);
        let scopes = role.or_else(|_| name.parse::<Scope>().map(|scope| Scopes::default().with(scope)))?;
        match scopes.iter().find(|scope| scope.platform_only()) {
            None => Ok(scopes),
            Some(scope) => Err(Error::invalid("scopes", format!("Only a key of the tenant system can hold {scope}"))),
        }
    }
}

impl FromStr for Grant {
    type Err = Error;

    /// `WORD=SCOPE` or `WORD=ROLE`.
    fn from_str(text: &str) -> Result<Self> {
        // The last one: a word may hold one itself.
        let (word, name) = text.rsplit_once('=').unwrap_or_default();
        if word.is_empty() || word.contains(char::is_whitespace) {
            return Err(Error::invalid("scopes", "Expected WORD=SCOPE or WORD=ROLE"));
        }
        Ok(Self { word: word.to_owned(), scopes: Self::scopes_of(name)? })
    }
}

impl Grants {
    /// Our own tokens name our own scopes, but for those of the platform.
    pub fn own() -> Self {
        let scopes = Scope::ALL.into_iter().filter(|scope| !scope.platform_only());
        let grant = |scope: Scope| Grant { word: scope.to_string(), scopes: Scopes::default().with(scope) };
        Self(scopes.map(grant).collect())
    }

    /// What these words allow together.
    pub fn of<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Scopes {
        let allowed = |word: &'a str| self.0.iter().filter(move |grant| grant.word == word);
        words.into_iter().flat_map(allowed).flat_map(|grant| grant.scopes.iter()).collect()
    }
}
