//! The map is true: every link of the Markdown files leads to a file, and where the text of a link
//! is a symbol, the file names it.
//!
//! A place is written ``[`Engine::claim`](crates/jobs/src/claim.rs)``; what is looked for is the
//! last part, `claim`, as a whole word of the code. So whoever renames a thing is led to the
//! sentence that speaks of it.

use super::code::code;
use super::{Finding, Source, places};

/// Reports the links of one file that lead nowhere.
pub(super) fn check(source: &Source, sources: &[Source]) -> Vec<Finding> {
    if !source.path.ends_with(".md") {
        return Vec::new();
    }
    links(&source.text)
        .into_iter()
        .filter_map(|link| Some(source.finding(link.at, problem(&source.path, &link, sources)?)))
        .collect()
}

/// `[text](target)`, and where it begins.
struct Link<'a> {
    at: usize,
    text: &'a str,
    target: &'a str,
}

fn problem(page: &str, link: &Link<'_>, sources: &[Source]) -> Option<String> {
    let target = link.target.split('#').next().unwrap_or_default();
    if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let path = resolve(page, target);
    let folder = format!("{}/", path.trim_end_matches('/'));
    if sources.iter().any(|source| source.path.starts_with(&folder)) {
        return None;
    }
    let Some(file) = sources.iter().find(|source| source.path == path) else {
        return Some(format!("`{target}` leads nowhere"));
    };
    let symbol = link.text.strip_prefix('`')?.strip_suffix('`')?;
    let symbol = symbol.rsplit("::").next()?.trim_end_matches(['(', ')', '!']);
    let named = !file.is_rust() || !places(&code(&file.text), symbol).is_empty();
    (!named).then(|| format!("`{target}` does not name `{symbol}`"))
}

/// A relative target as a path from the root.
fn resolve(page: &str, target: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The links of a page, outside its fenced blocks.
fn links(page: &str) -> Vec<Link<'_>> {
    let mut links = Vec::new();
    let (mut fenced, mut start) = (false, 0);
    for line in page.split_inclusive('\n') {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            links.extend(links_of_line(line, start));
        }
        start += line.len();
    }
    links
}

fn links_of_line(line: &str, start: usize) -> impl Iterator<Item = Link<'_>> {
    line.match_indices("](").filter_map(move |(middle, _)| {
        let open = line.get(..middle)?.rfind('[')?;
        let text = line.get(open + 1..middle)?;
        let target = line.get(middle + 2..)?.split(')').next()?;
        Some(Link { at: start + open, text, target })
    })
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    #[track_caller]
    fn check_page(text: &str, expected: &[&str]) {
        let page = source("docs/map.md", text);
        let code = source("crates/a/src/lib.rs", "// other\nimpl A { fn claim() {} }\n");
        let found: Vec<String> =
            check(&page, &[code, source("docs/b.md", "")]).iter().map(Finding::to_string).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn links_lead_to_files() {
        check_page("[b](b.md) [b](../docs/b.md#c) [a](../crates/a) [x](https://example.org) [y](#z)", &[]);
        check_page("fine\n[b](c.md)", &["docs/map.md:2: `c.md` leads nowhere"]);
        check_page("```\n[b](c.md)\n```\n", &[]);
    }

    #[test]
    fn symbols_stand_in_their_files() {
        check_page("| x | [`A::claim`](../crates/a/src/lib.rs) |", &[]);
        check_page(
            "[`other`](../crates/a/src/lib.rs)",
            &["docs/map.md:1: `../crates/a/src/lib.rs` does not name `other`"],
        );
        check_page("[`cla`](../crates/a/src/lib.rs)", &["docs/map.md:1: `../crates/a/src/lib.rs` does not name `cla`"]);
    }
}
