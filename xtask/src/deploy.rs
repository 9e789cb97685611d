//! `deploy/freight.yaml` holds the tables and queues that the crates declare, and is a sound template.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use crate::{process, tools};

/// The comments between which the program writes.
const BEGIN: &str = "  # What follows, up to the next comment, is written by `cargo xtask deploy`: the tables and queues that the\n  # crates declare.\n";
const END: &str = "  # The end of what `cargo xtask deploy` writes.\n";
/// The comment in a list, behind which it names all of them.
const ALL: &str = "      # What follows is written by `cargo xtask deploy`: all tables and queues that are declared.\n";
const ITEM: &str = "      - ";
/// Who waits for all of them: the function and the service.
const WAITING: usize = 2;

/// Writes the declared tables and queues into the template, and their names where the program waits for them: one
/// that starts before a table that it brings finds it missing, and does not start.
///
/// # Errors
/// When the program cannot be built, or the template has not the comments for them.
pub(crate) fn write() -> Result<()> {
    let template = fs::read_to_string(path())?;
    fs::write(path(), declared(&template, &resources()?)?).context("cannot write deploy/freight.yaml")
}

/// Compares the template with what is declared, and has cfn-lint judge it.
///
/// # Errors
/// When they differ, or cfn-lint finds something.
pub(crate) fn check() -> Result<()> {
    let template = fs::read_to_string(path())?;
    if declared(&template, &resources()?)? != template {
        bail!("deploy/freight.yaml has other tables or queues than the crates declare: run `cargo xtask deploy`");
    }
    let mut judge = process::command(tools::cfn_lint()?, "--regions eu-west-2 us-east-1 --");
    judge.arg(path());
    process::run(judge)
}

fn path() -> PathBuf {
    process::root().join("deploy/freight.yaml")
}

fn resources() -> Result<String> {
    process::output(process::command(process::program()?, "tables plan --parameters"))
}

/// The template with these resources between its comments.
fn declared(template: &str, resources: &str) -> Result<String> {
    let (before, rest) = template.split_once(BEGIN).context("deploy/freight.yaml: the first comment is gone")?;
    let (_, after) = rest.split_once(END).context("deploy/freight.yaml: the last comment is gone")?;
    ensure!(after.matches(ALL).count() == WAITING, "deploy/freight.yaml: a comment in a list is gone");
    let mut parts = after.split(ALL);
    let mut written = format!("{before}{BEGIN}{resources}{END}{}", parts.next().unwrap_or_default());
    let names: String = names(resources).map(|name| format!("{ITEM}{name}\n")).collect();
    for mut part in parts {
        while let Some((_, rest)) = part.split_once('\n').filter(|(line, _)| line.starts_with(ITEM)) {
            part = rest;
        }
        written.extend([ALL, &names, part]);
    }
    Ok(written)
}

/// The names of resources: what begins a line after two spaces.
fn names(resources: &str) -> impl Iterator<Item = &str> {
    let names = resources.lines().filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'));
    names.filter(|name| !name.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_follows_the_comments_is_written() {
        let template = |resources: &str, names: &str| {
            let list = format!("    DependsOn:\n      - Other\n{ALL}{names}    Properties:\n      - no name\n");
            format!("a\n{BEGIN}{resources}{END}  Function:\n{list}  Service:\n{list}")
        };
        let resources = "  ATable:\n    Type: x\n    Properties:\n      A: b\n  BQueue:\n    Type: y\n";
        let before = template("  ATable:\n", "      - ATable\n      - GoneTable\n");
        let after = template(resources, "      - ATable\n      - BQueue\n");
        assert_eq!(declared(&before, resources).unwrap(), after);
        assert_eq!(declared(&after, resources).unwrap(), after);
        for comment in [BEGIN, END, ALL] {
            declared(&after.replacen(comment, "", 1), resources).unwrap_err();
        }
    }
}
