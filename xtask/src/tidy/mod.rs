//! The rules of the tree that no compiler knows.
//!
//! The workspace is cut where a boundary forbids something; what it forbids is checked here, or it
//! would be a wish. A finding is one line, `path:line: message`, and any finding fails the run.
//!
//! 1. [`edges`]: which crate may depend on which, and which libraries stay behind which crate.
//! 2. [`names`]: which words may stand in which files: axum, the clock, the environment.
//! 3. [`habits`]: reasons beside exceptions, no unfinished business, no machine's own paths.
//! 4. [`members`]: what every crate has, and what no build may turn on.
//! 5. [`map`]: links of the documents lead to files that name what the link says.
//! 6. [`schemas`]: a name in the served document means one type.
//!
//! [`code`] blanks comments and literals first, so that prose about axum is no use of axum. It
//! reads tokens, not types: a name hidden behind an alias is clippy's business
//! (`disallowed-methods` in `clippy.toml` says the same about the clock and the environment).
//! The rules take their input as values, and each has a test that feeds it what it must catch.

mod code;
mod edges;
mod habits;
mod map;
mod members;
mod names;
mod schemas;

use std::fmt;

use anyhow::{Context, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand};

use crate::process;

/// One thing that is wrong, and where.
#[derive(Debug, PartialEq)]
struct Finding {
    path: String,
    /// Counted from 1.
    line: usize,
    message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// A text file of the tree, its path relative to the root.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// A finding at a byte of this file.
    fn finding(&self, at: usize, message: impl Into<String>) -> Finding {
        let line = self.text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
        Finding { path: self.path.clone(), line, message: message.into() }
    }
}

/// Prints every finding.
///
/// # Errors
/// When there is one, or the tree cannot be read.
pub(crate) fn run() -> Result<()> {
    let metadata = metadata()?;
    let sources = sources()?;
    let mut findings = edges::check(&edges::crates(&metadata, &sources));
    findings.extend(members::check(&metadata, &sources));
    findings.extend(schemas::check(&sources));
    for source in &sources {
        findings.extend(names::check(source));
        findings.extend(habits::check(source));
        findings.extend(map::check(source, &sources));
    }
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    for finding in &findings {
        println!("{finding}");
    }
    eprintln!("tidy: {} files, {} findings", sources.len(), findings.len());
    if findings.is_empty() { Ok(()) } else { bail!("the tree is not tidy") }
}

/// What cargo resolves with every feature of ours on.
fn metadata() -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    command.current_dir(process::root()).other_options(["--all-features".to_owned(), "--locked".to_owned()]);
    command.exec().context("`cargo metadata` failed; is Cargo.lock up to date?")
}

/// Every text file that git tracks or would track. What is not UTF-8 is no text.
fn sources() -> Result<Vec<Source>> {
    let listed = process::output(process::command("git", "ls-files --cached --others --exclude-standard"))?;
    Ok(listed
        .lines()
        .filter_map(|path| {
            let text = std::fs::read_to_string(process::root().join(path)).ok()?;
            Some(Source { path: path.to_owned(), text })
        })
        .collect())
}

/// Byte offsets at which `name` stands in `text` as a whole word.
fn places(text: &str, name: &str) -> Vec<usize> {
    let word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let bytes = text.as_bytes();
    text.match_indices(name)
        .map(|(at, _)| at)
        .filter(|at| !word(at.checked_sub(1).and_then(|before| bytes.get(before))))
        .filter(|at| !word(bytes.get(at + name.len())))
        .collect()
}

#[cfg(test)]
fn source(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}
