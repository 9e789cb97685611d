//! What every crate of the workspace has, and what no build may turn on.

use cargo_metadata::Metadata;

use super::{Finding, Source};

/// Features of other crates that are wrong for ours, and why.
const FORBIDDEN_FEATURES: &[(&str, &str, &str)] = &[(
    "serde_json",
    "arbitrary_precision",
    "it breaks floats under `flatten` and untagged enums in every crate of the build",
)];

/// Reports members without their page or their lints, and forbidden features.
pub(super) fn check(metadata: &Metadata, sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in metadata.workspace_packages() {
        let folder = package.manifest_path.parent().unwrap_or(&package.manifest_path);
        let folder = folder.strip_prefix(&metadata.workspace_root).unwrap_or(folder);
        findings.extend(page(folder.as_str(), sources));
        findings.extend(lints(folder.as_str(), sources));
    }
    let resolved = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
    for node in resolved {
        let features: Vec<&str> = node.features.iter().map(|feature| feature.as_str()).collect();
        findings.extend(forbidden(&metadata[&node.id].name, &features));
    }
    findings
}

fn page(folder: &str, sources: &[Source]) -> Option<Finding> {
    let path = format!("{folder}/README.md");
    let has = |source: &Source| source.text.lines().any(|line| line == "## Never");
    match sources.iter().find(|source| source.path == path) {
        Some(page) if has(page) => None,
        Some(page) => Some(page.finding(0, "no section `## Never`: what may this crate not do?")),
        None => Some(Finding { path, line: 1, message: "every crate has one page about itself".to_owned() }),
    }
}

fn lints(folder: &str, sources: &[Source]) -> Option<Finding> {
    let path = format!("{folder}/Cargo.toml");
    let manifest = sources.iter().find(|source| source.path == path)?;
    let section = manifest.text.split("\n[").find(|section| section.starts_with("lints]"));
    let inherits = |section: &str| section.lines().any(|line| line == "workspace = true");
    (!section.is_some_and(inherits)).then(|| manifest.finding(0, "no `[lints] workspace = true`"))
}

fn forbidden(package: &str, features: &[&str]) -> Option<Finding> {
    let (_, feature, why) =
        FORBIDDEN_FEATURES.iter().find(|(name, feature, _)| *name == package && features.contains(feature))?;
    let message =
        format!("a dependency turns on `{package}/{feature}`: {why}; see `cargo tree -e features -i {package}`");
    Some(Finding { path: "Cargo.lock".to_owned(), line: 1, message })
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    #[test]
    fn a_crate_says_what_it_never_does() {
        let readme = |text| [source("crates/a/README.md", text)];
        assert!(page("crates/a", &readme("# a\n\n## Never\n\n- x\n")).is_none());
        assert!(page("crates/a", &readme("# a\n\n## Nevermore\n")).is_some());
        assert!(page("crates/a", &[]).is_some());
    }

    #[test]
    fn a_crate_inherits_the_lints() {
        let manifest = |text| [source("crates/a/Cargo.toml", text)];
        assert!(lints("crates/a", &manifest("[package]\n\n[lints]\nworkspace = true\n\n[dependencies]\n")).is_none());
        assert!(lints("crates/a", &manifest("[package]\n\n[lints]\n\n[features]\nworkspace = true\n")).is_some());
        assert!(lints("crates/a", &manifest("[package]\nname = \"a\"\n")).is_some());
    }

    #[test]
    fn numbers_keep_their_kind() {
        assert!(forbidden("serde_json", &["std", "arbitrary_precision"]).is_some());
        assert!(forbidden("serde_json", &["std", "raw_value"]).is_none());
        assert!(forbidden("other", &["arbitrary_precision"]).is_none());
    }
}
