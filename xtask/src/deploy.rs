//! `deploy/freight.yaml` holds the tables and queues that the crates declare, and is a sound template.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::{process, tools};

/// The comments between which the program writes.
const BEGIN: &str = "  # What follows, up to the next comment, is written by `cargo xtask deploy`: the tables and queues that the\n  # crates declare.\n";
const END: &str = "  # The end of what `cargo xtask deploy` writes.\n";

/// Writes the declared tables and queues into the template.
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
    Ok(format!("{before}{BEGIN}{resources}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_comments_is_written() {
        let template = |between: &str| format!("a\n{BEGIN}{between}{END}b\n");
        assert_eq!(declared(&template("old\n"), "new\n").unwrap(), template("new\n"));
        assert!(declared("a\nb\n", "new\n").is_err());
    }
}
