//! The environment, read once.
//!
//! This is the only file of the project that reads environment variables. Everything else takes
//! an [`Environment`], so a test says what the environment is instead of changing the process's.
//! A `.env` file is merged into the value and never into the process: no other thread can see a
//! half-set variable, whenever the merge happens.

use std::collections::BTreeMap;
use std::path::Path;

/// Variables by name.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process. One that is not Unicode is left out: nothing of ours is.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        )
    }

    /// These variables and no others.
    pub fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// The variable, unless it is unset or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The names of all variables that begin so and are not empty.
    pub fn names<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(name, value)| name.starts_with(prefix) && !value.is_empty())
            .map(|(name, _)| &**name)
    }

    /// Adds what a file of `NAME=value` lines says about names that are not set yet. A file that
    /// does not exist says nothing.
    ///
    /// # Errors
    /// The number of the first line that is not such a line, or why the file cannot be read.
    /// Never the line itself: it may hold a secret.
    pub fn merge_file(&mut self, path: &Path) -> Result<(), String> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, value) = assignment(line)
                .ok_or_else(|| format!("{}, line {}: expected NAME=value", path.display(), index + 1))?;
            if self.get(name).is_none() {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(())
    }
}

/// `NAME=value`, as a shell would read a line without expansions: `export` and one pair of quotes
/// are taken off.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        return None;
    }
    let unquoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    Some((name, unquoted.unwrap_or(value)))
}
