//! Four layers of settings, flattened to `section.key`, the highest one kept.
//!
//! The embedded default file decides which keys exist. What a file, the environment or a flag says
//! about any other key is a [`Fault`] with the nearest key that does exist, since a misspelt
//! setting that is silently ignored is the worst kind of configuration error.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::Environment;

/// The default configuration: the documentation of every key, and its value.
pub const DEFAULT: &str = include_str!("../../config.default.toml");

/// Variables that begin with `FREIGHT_` and are the client's, not settings of a server.
const CLIENT_VARIABLES: [&str; 3] = ["FREIGHT_URL", "FREIGHT_API_KEY", "FREIGHT_TENANT"];

/// Something wrong with the configuration, told to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key or variable.
    pub key: String,
    /// What is wrong and what is allowed.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.problem)
    }
}

/// Where a value was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the embedded default file.
    Default,
    /// In a configuration file.
    File(PathBuf),
    /// In this environment variable.
    Variable(String),
    /// In a flag.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag => f.write_str("a flag"),
        }
    }
}

/// A value and where it was said.
#[derive(Clone, Debug)]
pub struct Setting {
    /// What was said; text from the environment and from flags.
    pub value: toml::Value,
    /// Where.
    pub origin: Origin,
}

/// Every known key with its highest setting.
pub struct Layers {
    settings: BTreeMap<String, Setting>,
    pub(super) faults: Vec<Fault>,
}

impl Layers {
    /// The defaults alone.
    pub fn defaults() -> Self {
        let mut layers = Self { settings: BTreeMap::new(), faults: Vec::new() };
        match DEFAULT.parse::<toml::Table>() {
            Ok(table) => layers
                .settings
                .extend(flat(table).map(|(key, value)| (key, Setting { value, origin: Origin::Default }))),
            Err(error) => layers.fault("config.default.toml", error.message()),
        }
        layers
    }

    /// Lays a file over what is there. Without `required`, a file that does not exist says nothing.
    pub fn file(&mut self, path: &Path, required: bool) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => return,
            Err(error) => return self.fault(&path.display().to_string(), &error.to_string()),
        };
        match text.parse::<toml::Table>() {
            Ok(table) => {
                for (key, value) in flat(table) {
                    self.set(&key, value, Origin::File(path.to_owned()));
                }
            }
            // The parser's rendering quotes the line, which may hold a secret; its message does not.
            Err(error) => {
                let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
                self.fault(&format!("{}, line {line}", path.display()), error.message());
            }
        }
    }

    /// Lays the environment over what is there.
    pub fn environment(&mut self, environment: &Environment) {
        self.foreign_variables(environment);
        let keys: BTreeMap<String, String> = self.settings.keys().map(|key| (variable(key), key.clone())).collect();
        for name in environment.names("FREIGHT_") {
            let Some(value) = environment.get(name).filter(|_| !CLIENT_VARIABLES.contains(&name)) else {
                continue;
            };
            match keys.get(name) {
                Some(key) => self.set(key, value.into(), Origin::Variable(name.to_owned())),
                None => {
                    let problem = unknown(name, keys.keys().map(String::as_str));
                    self.fault(name, &problem);
                }
            }
        }
    }

    /// `PORT` and `REDIS_URL`, which platforms set; our own variables win over them.
    fn foreign_variables(&mut self, environment: &Environment) {
        if let (Some(port), Some(listen)) = (environment.get("PORT"), self.text("server.listen")) {
            let host = listen.rsplit_once(':').map_or(listen.as_str(), |(host, _)| host).to_owned();
            self.set("server.listen", format!("{host}:{port}").into(), Origin::Variable("PORT".to_owned()));
        }
        if let Some(url) = environment.get("REDIS_URL") {
            let uri = if url.contains("://") {
                url.to_owned()
            } else {
                format!("redis://{url}:{}", environment.get("REDIS_PORT").unwrap_or("6379"))
            };
            self.set("cache.uri", uri.into(), Origin::Variable("REDIS_URL".to_owned()));
        }
    }

    /// Lays flags (`section.key`, text) over what is there.
    pub fn flags<'a>(&mut self, flags: impl IntoIterator<Item = (&'a str, &'a str)>) {
        for (key, value) in flags {
            self.set(key, value.into(), Origin::Flag);
        }
    }

    /// The setting of a key, if the key exists.
    pub fn get(&self, key: &str) -> Option<&Setting> {
        self.settings.get(key)
    }

    /// All known keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.settings.keys().map(String::as_str)
    }

    fn text(&self, key: &str) -> Option<String> {
        Some(self.settings.get(key)?.value.as_str()?.to_owned())
    }

    fn set(&mut self, key: &str, value: toml::Value, origin: Origin) {
        if let Some(setting) = self.settings.get_mut(key) {
            *setting = Setting { value, origin };
        } else {
            let problem = format!("{} (in {origin})", unknown(key, self.settings.keys().map(String::as_str)));
            self.fault(key, &problem);
        }
    }

    pub(super) fn fault(&mut self, key: &str, problem: &str) {
        self.faults.push(Fault { key: key.to_owned(), problem: problem.to_owned() });
    }
}

/// The variable that sets a key: `server.listen` is `FREIGHT_SERVER_LISTEN`.
pub fn variable(key: &str) -> String {
    format!("FREIGHT_{}", key.replace('.', "_").to_uppercase())
}

/// What is said about a key that does not exist: the nearest one that does, if one is near.
fn unknown<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> String {
    let likeness = |candidate: &str| strsim::normalized_damerau_levenshtein(key, candidate);
    match known.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|nearest| likeness(nearest) > 0.7) {
        Some(nearest) => format!("no such setting; did you mean {nearest}?"),
        None => "no such setting; `freight config` lists them all".to_owned(),
    }
}

/// Tables become dotted keys; anything else is a value.
fn flat(table: toml::Table) -> impl Iterator<Item = (String, toml::Value)> {
    table.into_iter().flat_map(|(section, value)| match value {
        toml::Value::Table(keys) => keys.into_iter().map(|(key, value)| (format!("{section}.{key}"), value)).collect(),
        value => vec![(section, value)],
    })
}
