//! The committed `openapi.json` is what the program serves, or `lint` fails.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::process;

/// Writes the document.
///
/// # Errors
/// When the program cannot be built, or the file not be written.
pub(crate) fn write() -> Result<()> {
    let path = path();
    fs::write(&path, served()?).with_context(|| format!("cannot write {}", path.display()))
}

/// Compares the committed document with what the program would serve.
///
/// # Errors
/// When they differ, naming the first line that does.
pub(crate) fn check() -> Result<()> {
    let committed = fs::read_to_string(path()).context("there is no openapi.json: run `cargo xtask openapi`")?;
    match first_difference(&committed, &served()?) {
        None => Ok(()),
        Some(line) => bail!("openapi.json:{line}: stale: run `cargo xtask openapi`"),
    }
}

fn path() -> PathBuf {
    process::root().join("openapi.json")
}

fn served() -> Result<String> {
    process::output(process::command(process::program()?, "openapi"))
}

/// The first line, from 1, in which two texts differ.
fn first_difference(a: &str, b: &str) -> Option<usize> {
    if a == b {
        return None;
    }
    let same = a.lines().zip(b.lines()).take_while(|(a, b)| a == b).count();
    Some(same + 1)
}

#[cfg(test)]
mod tests {
    use super::first_difference;

    #[test]
    fn staleness_names_a_line() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(first_difference("a\n", "a\nb\n"), Some(2));
        assert_eq!(first_difference("a\n", "a"), Some(2));
    }
}
