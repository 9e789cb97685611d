//! Who sees which kinds of jobs.

use base::{Scope, Scopes};

/// Which kinds of jobs a caller may see.
///
/// `jobs:read` sees every kind. Who does not hold it sees the kinds whose own scope they hold: who
/// may read datasets may see the fetches behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Every kind, those this process does not know included.
    All,
    /// These kinds; possibly none.
    Kinds(Vec<String>),
}

impl Sight {
    /// What `scopes` see of `kinds`, each with the scope it asks for.
    pub fn of<'a>(scopes: Scopes, kinds: impl Iterator<Item = (&'a str, Scope)>) -> Self {
        if scopes.contains(Scope::JobsRead) {
            return Self::All;
        }
        let seen = kinds.filter(|(_, scope)| scopes.contains(*scope));
        Self::Kinds(seen.map(|(kind, _)| kind.to_owned()).collect())
    }

    /// Whether jobs of this kind are seen.
    pub fn admits(&self, kind: &str) -> bool {
        match self {
            Self::All => true,
            Self::Kinds(kinds) => kinds.iter().any(|seen| seen == kind),
        }
    }

    /// The kinds to look for when `asked` is asked for; `None` = every kind there is.
    pub fn narrow(self, asked: Option<&str>) -> Option<Vec<String>> {
        match (self, asked) {
            (Self::All, None) => None,
            (Self::Kinds(kinds), None) => Some(kinds),
            (sight, Some(kind)) => Some(if sight.admits(kind) { vec![kind.to_owned()] } else { Vec::new() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [(&str, Scope); 2] = [("ingest.fetch", Scope::IngestRead), ("carts.combine", Scope::CartsRead)];

    fn sight(scopes: &[Scope]) -> Sight {
        Sight::of(scopes.iter().copied().collect(), KINDS.into_iter())
    }

    #[test]
    fn a_kinds_own_scope_shows_that_kind_alone() {
        let ingest = sight(&[Scope::IngestRead]);
        assert!(ingest.admits("ingest.fetch") && !ingest.admits("carts.combine"));
        assert_eq!(ingest.clone().narrow(None), Some(vec!["ingest.fetch".to_owned()]));
        assert_eq!(ingest.narrow(Some("carts.combine")), Some(Vec::new()));
    }

    #[test]
    fn without_a_scope_nothing_is_seen_and_with_jobs_read_everything() {
        assert_eq!(sight(&[]).narrow(None), Some(Vec::new()));
        let all = sight(&[Scope::JobsRead]);
        assert!(all.admits("of another process"));
        assert_eq!(all.narrow(None), None);
    }
}
