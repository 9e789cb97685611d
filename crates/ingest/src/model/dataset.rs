//! The noun: a named set of records with a key and an order.

use std::fmt;
use std::str::FromStr;

use base::Error;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Layout, Path, Source};

/// The name of a dataset: `[a-z0-9][a-z0-9_-]{0,62}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// The dataset that every tenant has.
    pub const USERS: &'static str = "users";

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        let begins = text.bytes().next().is_some_and(plain);
        if begins && text.len() <= 63 && text.bytes().all(|c| plain(c) || matches!(c, b'_' | b'-')) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::invalid(
                "name",
                "A name is 1 to 63 characters a-z, 0-9, _ or -, and begins with a letter or digit",
            ))
        }
    }
}

impl TryFrom<String> for Name {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What makes a record's key, or its sort value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "OneOrMany", into = "OneOrMany")]
pub enum Rule {
    /// Its row: where it stands in its file, or among the answers of its run.
    Row,
    /// The values at these paths, one after the other.
    Paths(Vec<Path>),
}

/// At most so many paths in a rule.
const PATHS_MAX: usize = 8;

impl Rule {
    /// The rule of one text: a path, several joined by commas, or `$row`.
    ///
    /// # Errors
    /// `Invalid` when one of them is no path.
    pub fn parse_text(text: &str) -> Result<Self, Error> {
        Self::parse(text.split(','))
    }

    /// The rule of a list.
    ///
    /// # Errors
    /// `Invalid` when one of them is no path, or when they are none, too many, or twice the same.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let texts: Vec<&str> = texts.into_iter().collect();
        if texts == ["$row"] {
            return Ok(Self::Row);
        }
        let paths = texts.iter().map(|text| text.parse()).collect::<Result<Vec<Path>, _>>().ok();
        let fits = |paths: &Vec<Path>| {
            let twice = (1..paths.len()).any(|n| paths[..n].contains(&paths[n]));
            (1..=PATHS_MAX).contains(&paths.len()) && !twice && paths.iter().all(|path| !path.steps().is_empty())
        };
        paths.filter(fits).filter(|_| !texts.contains(&"$row")).map(Self::Paths).ok_or_else(|| {
            Error::invalid(
                "path",
                format!(
                    "Allowed: a path such as id or name.last, a list of 1 to {PATHS_MAX} different paths, or \"$row\""
                ),
            )
        })
    }

    /// The rule of a key whose parts are called so.
    ///
    /// # Errors
    /// `Invalid` when they cannot be paths.
    pub fn of_names(names: &[String]) -> Result<Self, Error> {
        let paths: Vec<String> = names.iter().map(|name| Path::from_names(&[name.as_str()]).to_string()).collect();
        Self::parse(paths.iter().map(String::as_str))
    }

    /// The paths; none for [`Rule::Row`].
    pub fn paths(&self) -> &[Path] {
        match self {
            Self::Row => &[],
            Self::Paths(paths) => paths,
        }
    }
}

/// The text form of a rule: `"id"` or `["a", "b"]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One path, or `$row`.
    One(String),
    /// Several paths.
    Many(Vec<String>),
}

impl TryFrom<OneOrMany> for Rule {
    type Error = Error;

    fn try_from(texts: OneOrMany) -> Result<Self, Error> {
        match &texts {
            OneOrMany::One(text) => Self::parse([text.as_str()]),
            OneOrMany::Many(texts) => Self::parse(texts.iter().map(String::as_str)),
        }
    }
}

impl From<Rule> for OneOrMany {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::Row => Self::One("$row".to_owned()),
            Rule::Paths(paths) if paths.len() == 1 => Self::One(paths[0].to_string()),
            Rule::Paths(paths) => Self::Many(paths.iter().map(ToString::to_string).collect()),
        }
    }
}

/// What somebody decided about a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Its name.
    pub name: Name,
    /// Where its records come from, unless they are only imported.
    #[serde(default)]
    pub source: Option<Source>,
    /// What names a record. Never changed: the records kept are named by it.
    pub key: Rule,
    /// What orders the records. Never changed either.
    pub sort: Rule,
    /// Whether carts of anonymous sessions may hold its records.
    #[serde(default)]
    pub public: bool,
    /// What callers without `ingest:sensitive` may not see.
    #[serde(default)]
    pub redact: Vec<Path>,
}

impl Definition {
    /// The users of the seed: fetched from `url`, at most `rate` calls a minute.
    ///
    /// # Errors
    /// Never with the paths that stand here; they are checked like any other.
    pub fn users(url: &str, rate: Option<u32>) -> Result<Self, Error> {
        Ok(Self {
            name: Name::USERS.parse()?,
            source: Some(Source::sized(url, rate)),
            key: Rule::parse(["id"])?,
            sort: Rule::parse(["last_name"])?,
            public: false,
            redact: ["password", "social_insurance_number", "credit_card.cc_number"]
                .into_iter()
                .map(str::parse)
                .collect::<Result<_, _>>()?,
        })
    }

    /// Refuses what does not fit together.
    ///
    /// # Errors
    /// `Invalid`, naming the field and what is allowed.
    pub fn check(&self) -> Result<(), Error> {
        let ordering = || self.key.paths().iter().chain(self.sort.paths());
        if let Some(path) = self.redact.iter().find(|path| ordering().any(|other| other.overlaps(path))) {
            let why = format!(
                "{path} names or orders the records, so it cannot be hidden. Allowed: paths outside key and sort"
            );
            return Err(Error::invalid("redact", why));
        }
        let Some(source) = &self.source else { return Ok(()) };
        source.check()?;
        // Parts of a table are read in any order, so a row has no number.
        match [("key", &self.key), ("sort", &self.sort)].into_iter().find(|(_, rule)| **rule == Rule::Row) {
            Some((field, _)) if source.table().is_some() => {
                Err(Error::invalid(field, "The items of a table have no rows. Allowed: paths"))
            }
            _ => Ok(()),
        }
    }
}

/// A dataset as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// What was decided about it.
    pub definition: Definition,
    /// Names this life of it: a dataset deleted and made again shares no record with the old one.
    pub id: Uuid,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its definition last changed.
    pub updated_at: Timestamp,
}

impl Dataset {
    /// Its name.
    pub fn name(&self) -> &Name {
        &self.definition.name
    }

    /// How it reads records.
    pub fn layout(&self) -> Layout {
        Layout::new(&self.definition.key, &self.definition.sort)
    }
}
