//! The commands of the README and of the pages for operators, run as they stand there.
//!
//! Of each page, the blocks fenced with `sh` after a line [`MARKER`], up to a line [`END`] or the end, are one
//! script: a variable set in one block is there in the next, and a server started with `&` runs
//! until the script ends. It runs in an empty directory, with the release build first in `PATH`;
//! the first command that fails ends it, and fails the tour. So that nothing in the text has to
//! change, what differs from a reader's machine comes from outside: the server listens where there
//! is room, our client knows where that is, and curl takes an answer of 400 or more for a failure.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::{process, server};

/// Where there are commands to run.
const PAGES: [&str; 2] = ["README.md", "docs/operating.md"];

const MARKER: &str = "<!-- tour -->";
const END: &str = "<!-- /tour -->";

/// Says which command failed, and ends the servers that the tour started.
const HEAD: &str = r#"set -Eeuo pipefail
trap 'echo "tour: failed: $BASH_COMMAND" >&2' ERR
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
"#;

/// Long enough for a slow machine; a tour that waits for ever is a failure too.
const SECONDS_MAX: u32 = 300;

/// Runs the tour of every page.
///
/// # Errors
/// When a page has none, or a command of it fails.
pub(super) fn run() -> Result<()> {
    let program = server::release()?;
    let built = program.parent().context("the program has no directory")?;
    PAGES.iter().try_for_each(|page| tour(page, built))
}

fn tour(page: &str, built: &Path) -> Result<()> {
    let text = fs::read_to_string(process::root().join(page)).with_context(|| format!("no {page}"))?;
    let blocks = blocks(&text);
    ensure!(!blocks.is_empty(), "{page} has no ```sh block after {MARKER}");
    let backstage = tempfile::tempdir().context("no temporary directory")?;
    let stage = tempfile::tempdir().context("no temporary directory")?;
    let script = backstage.path().join("tour.sh");
    fs::write(&script, self::script(built, &blocks))?;
    fs::write(backstage.path().join(".curlrc"), "fail-with-body\n")?;
    let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();

    // `timeout` ends the script with everything that it started.
    let mut tour = process::command("timeout", &format!("--kill-after=10 {SECONDS_MAX} bash"));
    tour.arg(&script)
        .current_dir(stage.path())
        .env("CURL_HOME", backstage.path())
        .env("FREIGHT_URL", format!("http://{listen}"))
        .env("FREIGHT_SERVER_LISTEN", listen)
        .env("FREIGHT_SANDBOX_LISTEN", "127.0.0.1:0");
    process::run(tour)?;
    eprintln!("tour: {} blocks of {page}", blocks.len());
    Ok(())
}

/// The text of each block to run.
fn blocks(readme: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let (mut touring, mut inside) = (false, false);
    for line in readme.lines() {
        match line.trim_end() {
            "```" if inside => inside = false,
            _ if inside => {
                if let Some(block) = blocks.last_mut() {
                    block.push_str(line);
                    block.push('\n');
                }
            }
            "```sh" if touring => {
                inside = true;
                blocks.push(String::new());
            }
            MARKER => touring = true,
            END => touring = false,
            _ => {}
        }
    }
    blocks
}

/// One script of all blocks, in which the programs of `built` are found first.
fn script(built: &Path, blocks: &[String]) -> String {
    format!("{HEAD}PATH='{}':$PATH\n{}", built.display(), blocks.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = "\
# x
```sh
before
```
<!-- tour -->
```sh
one
two
```
```json
{}
```
```sh
three
```
<!-- /tour -->
```sh
after
```
";

    #[test]
    fn only_marked_shell_blocks_are_the_tour() {
        assert_eq!(blocks(README), ["one\ntwo\n", "three\n"]);
        assert!(blocks("```sh\nx\n```\n").is_empty());
    }

    #[test]
    fn a_failing_command_ends_the_tour() {
        let status = |blocks: &[String]| {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("tour.sh");
            fs::write(&path, script(Path::new("/nowhere"), blocks)).unwrap();
            let mut bash = process::command("bash", "");
            bash.arg(&path);
            process::works(bash)
        };
        assert!(status(&["a=1\n".to_owned(), "test $a = 1\n".to_owned()]));
        assert!(!status(&["false\n".to_owned(), "true\n".to_owned()]));
        assert!(!status(&["false | true\n".to_owned()]));
    }
}
