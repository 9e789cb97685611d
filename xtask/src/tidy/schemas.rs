//! A name in the served document means one thing: of two types that are called the same, the document
//! keeps one, and what the other's routes answer is described wrongly.

use std::collections::BTreeMap;

use super::code::code;
use super::{Finding, Source};

/// Reports schemas whose name another file has as well.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut first: BTreeMap<String, &str> = BTreeMap::new();
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust() && source.path.starts_with("crates/")) {
        for (at, name) in schemas(&source.text) {
            match first.get(&name) {
                Some(other) => findings.push(source.finding(at, format!("the schema `{name}` is one of {other}, too"))),
                None => drop(first.insert(name, &source.path)),
            }
        }
    }
    findings
}

/// The types that derive `ToSchema`, and where they do.
fn schemas(text: &str) -> Vec<(usize, String)> {
    let code = code(text);
    let derived = code.match_indices("ToSchema").map(|(at, _)| at).filter(|at| {
        let line = code[..*at].rfind('\n').map_or(0, |end| end + 1);
        code[line..*at].trim_start().starts_with("#[derive(")
    });
    derived.filter_map(|at| Some((at, named(&code[at..])?))).collect()
}

/// The name of the next type.
fn named(code: &str) -> Option<String> {
    let kinds = ["struct ", "enum "];
    let begins = kinds.iter().filter_map(|kind| Some(code.find(kind)? + kind.len())).min()?;
    let name: String = code[begins..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    #[test]
    fn two_types_of_one_name_are_found() {
        let one = source("crates/a/src/http.rs", "#[derive(Debug, ToSchema)]\npub(super) struct View {}");
        let other = source("crates/b/src/http.rs", "/// One.\n#[derive(ToSchema)]\n#[x]\nenum View {}");
        let none = source("crates/c/src/http.rs", "use utoipa::ToSchema;\n#[derive(Debug)]\nstruct View;");
        let findings = check(&[one, other, none]);
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].path.as_str(), findings[0].line), ("crates/b/src/http.rs", 2));
    }
}
