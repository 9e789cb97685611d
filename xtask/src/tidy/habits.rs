//! Habits of writing that hold in every file.

use super::code::code;
use super::{Finding, Source, places};

/// Assembled, so that this file keeps the rule that it checks.
const UNFINISHED: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];
const MACHINE: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
/// Module names that say nothing about what is inside.
const NAMELESS: [&str; 9] = ["common", "helper", "helpers", "manager", "managers", "misc", "types", "util", "utils"];

/// Reports what is against the habits in one file.
pub(super) fn check(source: &Source) -> Vec<Finding> {
    // Written by cargo, and by a vendor.
    if source.path == "Cargo.lock" || source.path.contains("/vendor/") {
        return Vec::new();
    }
    let mut findings = unfinished(source);
    findings.extend(machine_paths(source));
    if source.is_rust() {
        findings.extend(exceptions(source));
        findings.extend(nameless(source));
    }
    findings
}

fn unfinished(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for mark in UNFINISHED {
        let found = places(&source.text, mark).into_iter();
        findings.extend(found.map(|at| source.finding(at, format!("`{mark}`: finish it, or write down why not"))));
    }
    findings
}

fn machine_paths(source: &Source) -> Vec<Finding> {
    // The middle of a longer path, such as that of a URL, is not the root of a machine.
    let begins = |at: usize| {
        let before = source.text.get(..at).and_then(|text| text.chars().next_back());
        before.is_none_or(|before| !before.is_alphanumeric() && !"/._-}".contains(before))
    };
    let mut findings = Vec::new();
    for path in MACHINE {
        let found = source.text.match_indices(path).filter(|(at, _)| begins(*at));
        findings.extend(found.map(|(at, _)| source.finding(at, format!("`{path}`: a path of one machine"))));
    }
    findings
}

fn exceptions(source: &Source) -> Vec<Finding> {
    let code = code(&source.text);
    let mut findings = Vec::new();
    for open in ["#[allow(", "#![allow("] {
        let found = code.match_indices(open);
        findings.extend(found.map(|(at, _)| source.finding(at, "write `#[expect(lint, reason = \"…\")]` instead")));
    }
    for open in ["#[expect(", "#![expect("] {
        for (at, _) in code.match_indices(open) {
            let attribute = code.get(at..).unwrap_or_default();
            let attribute = attribute.split_once(")]").map_or(attribute, |(attribute, _)| attribute);
            if places(attribute, "reason").is_empty() {
                findings.push(source.finding(at, "an exception without its reason"));
            }
        }
    }
    findings
}

fn nameless(source: &Source) -> Option<Finding> {
    let path = source.path.strip_suffix("/mod.rs").or_else(|| source.path.strip_suffix(".rs"))?;
    let name = path.rsplit('/').next()?;
    NAMELESS
        .contains(&name)
        .then(|| source.finding(0, format!("`{name}` names no subject: put things beside what makes them")))
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    #[track_caller]
    fn check_lines(path: &str, text: &str, expected: &[usize]) {
        let lines: Vec<usize> = check(&source(path, text)).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, expected, "{path}: {text}");
    }

    #[test]
    fn exceptions_have_reasons() {
        check_lines("a.rs", "\n#[allow(dead_code)]\nfn f() {}", &[2]);
        check_lines("a.rs", "#![allow(dead_code, reason = \"x\")]", &[1]);
        check_lines("a.rs", "#[expect(dead_code)]\nfn f(reason: u8) {}", &[1]);
        check_lines("a.rs", "#[expect(\n    dead_code,\n    reason = \"x\"\n)]", &[]);
    }

    #[test]
    fn nothing_is_left_for_later() {
        let text = format!("fine\n// {}: later", UNFINISHED[0]);
        check_lines("a.rs", &text, &[2]);
        check_lines("a.md", &text, &[2]);
        check_lines("a.rs", &format!("{}_LIST", UNFINISHED[0]), &[]);
    }

    #[test]
    fn no_path_of_one_machine() {
        check_lines("a.toml", &format!("path = \"{}main\"", MACHINE[0]), &[1]);
        check_lines("a.md", &format!("see {}x", MACHINE[1]), &[1]);
        check_lines("a.md", &format!("GET /api{}x", MACHINE[0]), &[]);
    }

    #[test]
    fn modules_have_subjects() {
        check_lines("crates/web/src/utils.rs", "", &[1]);
        check_lines("crates/web/src/common/mod.rs", "", &[1]);
        check_lines("crates/web/src/problem.rs", "", &[]);
    }
}
