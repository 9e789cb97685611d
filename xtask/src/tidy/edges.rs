//! Which crate may depend on which.
//!
//! `base` ← {`embedded`, `cloud`, `jobs`, `web`} ← `readthrough` ← services ← `freight`. A crate
//! that the table does not name may not exist: giving it a row is deciding where it stands.

use cargo_metadata::{DependencyKind, Metadata};

use super::{Finding, Source};

/// What a service builds on. Services know nothing of each other.
const FOUNDATION: &[&str] = &["base", "jobs", "readthrough", "web"];

const SERVICES: &[&str] = &["accounts", "carts", "ingest", "migrations", "operations", "source", "tokens"];

/// Libraries that stay behind the crates named beside them. A name ending in `-` is a family.
const LIBRARIES: &[(&str, MayUse)] = &[
    ("axum", |member| matches!(member, "web" | "sandbox" | "freight") || is_service(member)),
    ("rusqlite", |member| member == "embedded"),
    ("redis", |member| member == "cloud"),
    // The clients of AWS; `aws-lc-rs` is the cryptography that TLS brings, and nobody's secret.
    ("aws-config", |member| matches!(member, "cloud" | "freight")),
    ("aws-sdk-", |member| matches!(member, "cloud" | "freight")),
    ("aws-smithy-", |member| matches!(member, "cloud" | "freight")),
];

/// Whether the member of this name may depend on a library.
type MayUse = fn(&str) -> bool;

/// A member of the workspace, as far as its edges go.
pub(super) struct Crate {
    name: String,
    /// Path of the manifest.
    manifest: String,
    edges: Vec<Edge>,
}

struct Edge {
    to: String,
    /// Whether `to` is a member too.
    ours: bool,
    /// Whether no build that ships has it.
    for_tests: bool,
    /// Line of the manifest.
    line: usize,
}

/// Whether a member is one of the services.
pub(super) fn is_service(member: &str) -> bool {
    SERVICES.contains(&member)
}

/// The members of the workspace.
pub(super) fn crates(metadata: &Metadata, sources: &[Source]) -> Vec<Crate> {
    let members = metadata.workspace_packages();
    let ours = |name: &str| members.iter().any(|member| member.name == name);
    members
        .iter()
        .map(|package| {
            let manifest = package.manifest_path.strip_prefix(&metadata.workspace_root);
            let manifest = manifest.unwrap_or(&package.manifest_path).to_string();
            let text = sources.iter().find(|source| source.path == manifest).map_or("", |source| &source.text);
            let edges = package.dependencies.iter().map(|dependency| Edge {
                to: dependency.name.clone(),
                ours: ours(&dependency.name),
                for_tests: dependency.kind == DependencyKind::Development
                    || (dependency.optional && !package.features.contains_key("default")),
                line: text.lines().position(|line| declares(line, &dependency.name)).map_or(1, |at| at + 1),
            });
            Crate { name: package.name.to_string(), edges: edges.collect(), manifest }
        })
        .collect()
}

/// Reports the edges that are not in the table.
pub(super) fn check(crates: &[Crate]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in crates {
        let finding = |line, message| Finding { path: member.manifest.clone(), line, message };
        if may_use(&member.name, "base").is_none() {
            findings.push(finding(1, format!("`{}` is not in the table of directions", member.name)));
            continue;
        }
        for edge in member.edges.iter().filter(|edge| !permitted(&member.name, edge)) {
            let kind = if edge.for_tests { "depends for its tests" } else { "depends" };
            findings.push(finding(edge.line, format!("`{}` {kind} on `{}`", member.name, edge.to)));
        }
    }
    findings
}

fn permitted(from: &str, edge: &Edge) -> bool {
    if edge.ours {
        // A crate may depend on itself for its tests, to turn on a feature; the cases of a service's
        // contract are public behind a feature of their own, and bring the testkit. What services ask of
        // third parties, the stand-ins answer their tests.
        let stands_in = edge.to == "sandbox" && is_service(from);
        let for_tests = edge.for_tests && (edge.to == "testkit" || edge.to == from || stands_in);
        return for_tests || may_use(from, &edge.to) == Some(true);
    }
    LIBRARIES.iter().all(|(library, may)| {
        let named = edge.to == *library || (library.ends_with('-') && edge.to.starts_with(library));
        !named || may(from)
    })
}

/// Whether `from` may use `to`; `None` if the table does not know `from`.
fn may_use(from: &str, to: &str) -> Option<bool> {
    Some(match from {
        "base" | "xtask" => false,
        "embedded" | "cloud" | "jobs" | "web" | "sandbox" => to == "base",
        "readthrough" => matches!(to, "base" | "jobs"),
        "testkit" => matches!(to, "base" | "jobs" | "web"),
        "freight" => !matches!(to, "testkit" | "xtask"),
        service if is_service(service) => FOUNDATION.contains(&to),
        _ => return None,
    })
}

fn declares(line: &str, dependency: &str) -> bool {
    line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, to: &str, ours: bool, for_tests: bool) -> Crate {
        let edge = Edge { to: to.to_owned(), ours, for_tests, line: 7 };
        Crate { name: name.to_owned(), manifest: format!("crates/{name}/Cargo.toml"), edges: vec![edge] }
    }

    #[track_caller]
    fn check_edge(name: &str, to: &str, for_tests: bool, allowed: bool) {
        let findings = check(&[member(name, to, true, for_tests)]);
        assert_eq!(findings.is_empty(), allowed, "{name} -> {to}: {findings:?}");
    }

    #[test]
    fn edges_point_down() {
        check_edge("jobs", "base", false, true);
        check_edge("base", "jobs", false, false);
        check_edge("web", "jobs", false, false);
        check_edge("jobs", "embedded", false, false);
        check_edge("readthrough", "web", false, false);
        check_edge("ingest", "embedded", false, false);
        check_edge("xtask", "base", false, false);
        check_edge("freight", "ingest", false, true);
    }

    #[test]
    fn no_service_knows_another() {
        check_edge("carts", "ingest", false, false);
        check_edge("carts", "ingest", true, false);
        check_edge("operations", "jobs", false, true);
    }

    #[test]
    fn tests_may_use_the_testkit() {
        check_edge("jobs", "testkit", true, true);
        check_edge("base", "base", true, true);
        check_edge("jobs", "testkit", false, false);
        check_edge("freight", "testkit", false, false);
        check_edge("jobs", "embedded", true, false);
        check_edge("tokens", "sandbox", true, true);
        check_edge("tokens", "sandbox", false, false);
        check_edge("jobs", "sandbox", true, false);
    }

    #[test]
    fn libraries_stay_behind_their_crate() {
        let of = |name, to| check(&[member(name, to, false, false)]).len();
        assert_eq!(of("jobs", "axum"), 1);
        assert_eq!(of("base", "rusqlite"), 1);
        assert_eq!(of("ingest", "aws-sdk-sqs"), 1);
        assert_eq!((of("accounts", "aws-config"), of("accounts", "aws-lc-rs")), (1, 0));
        assert_eq!(of("embedded", "rusqlite") + of("cloud", "aws-sdk-sqs") + of("ingest", "axum"), 0);
    }

    #[test]
    fn a_crate_has_a_row() {
        let findings = check(&[member("shared", "serde", false, false)]);
        assert_eq!(findings[0].to_string(), "crates/shared/Cargo.toml:1: `shared` is not in the table of directions");
    }

    #[test]
    fn a_finding_names_the_line() {
        assert!(declares("base.workspace = true", "base"));
        assert!(declares("base = { workspace = true }", "base"));
        assert!(!declares("base64.workspace = true", "base"));
        assert_eq!(check(&[member("base", "jobs", true, false)])[0].line, 7);
    }
}
