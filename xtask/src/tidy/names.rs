//! Which names may stand in which files.

use super::code::code;
use super::{Finding, Source, places};

/// Names that only some files may use.
struct Reserved {
    names: &'static [&'static str],
    may: fn(&str) -> bool,
    /// What the others do instead.
    instead: &'static str,
}

const RESERVED: &[Reserved] = &[
    Reserved {
        names: &["axum", "utoipa_axum", "axum_core"],
        may: may_name_axum,
        instead: "only `web`, `sandbox`, `freight` and a service's `http.rs` name axum",
    },
    Reserved {
        names: &["Timestamp::now", "SystemTime::now", "Zoned::now", "Utc::now", "Local::now"],
        // xtask stands alone, and its data has to lie near the time of the server that it drives.
        may: |path| ["crates/base/src/clock.rs", "xtask/src/process.rs"].contains(&path),
        instead: "wall time comes from `base::Clock`",
    },
    Reserved { names: &["Instant::now"], may: may_measure, instead: "monotonic time comes from `base::Clock`" },
    Reserved {
        names: &["env::var", "env::vars", "env::var_os", "env::vars_os", "env::set_var", "env::remove_var"],
        may: may_read_environment,
        instead: "the environment is read in `freight::config`",
    },
];

/// Reports the names that this file may not use.
pub(super) fn check(source: &Source) -> Vec<Finding> {
    if !source.is_rust() {
        return Vec::new();
    }
    let code = code(&source.text);
    let mut findings = Vec::new();
    for reserved in RESERVED.iter().filter(|reserved| !(reserved.may)(&source.path)) {
        for name in reserved.names {
            let found = places(&code, name).into_iter();
            findings.extend(found.map(|at| source.finding(at, format!("`{name}`: {}", reserved.instead))));
        }
    }
    findings
}

/// The tests of a service may stand in for the servers that it calls.
fn may_name_axum(path: &str) -> bool {
    within(path, &["crates/web/", "crates/sandbox/", "crates/freight/"])
        || path.strip_prefix("crates/").and_then(|path| path.split_once('/')).is_some_and(|(member, file)| {
            super::edges::is_service(member)
                && (file == "src/http.rs" || file.starts_with("src/http/") || file.starts_with("tests/"))
        })
}

/// Durations are measured by who drives real programs, by tests that do, and on a socket, where the
/// deadlines of a peer are set on the runtime's own time.
fn may_measure(path: &str) -> bool {
    within(path, &["crates/base/src/clock.rs", "crates/freight/", "crates/testkit/", "crates/web/src/wire/", "xtask/"])
        || path.contains("/tests/")
        || path.contains("/benches/")
        || path.contains("/examples/")
}

fn may_read_environment(path: &str) -> bool {
    within(path, &["crates/freight/src/config.rs", "crates/freight/src/config/", "crates/testkit/", "xtask/"])
        || path.ends_with("/build.rs")
}

fn within(path: &str, folders: &[&str]) -> bool {
    folders.iter().any(|folder| path.starts_with(folder))
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
    fn axum_stays_in_http() {
        let text = "\nuse axum::Router;\n";
        check_lines("crates/jobs/src/lib.rs", text, &[2]);
        check_lines("crates/ingest/src/service.rs", text, &[2]);
        check_lines("crates/jobs/tests/it/main.rs", text, &[2]);
        check_lines("crates/ingest/tests/it/upstream.rs", text, &[]);
        check_lines("crates/jobs/src/http.rs", text, &[2]);
        check_lines("crates/ingest/src/http.rs", text, &[]);
        check_lines("crates/ingest/src/http/read.rs", text, &[]);
        check_lines("crates/web/src/serve.rs", text, &[]);
    }

    #[test]
    fn prose_about_axum_is_no_use() {
        check_lines("crates/jobs/src/lib.rs", "// axum\nlet x = \"axum\"; let taxum = 1;", &[]);
    }

    #[test]
    fn time_is_read_in_one_file() {
        check_lines("crates/jobs/src/lease.rs", "let a = jiff::Timestamp::now();", &[1]);
        check_lines("crates/testkit/src/lib.rs", "let a = SystemTime::now();", &[1]);
        check_lines("crates/jobs/src/lease.rs", "let a = Instant::now();", &[1]);
        check_lines("crates/base/src/clock.rs", "Timestamp::now(); Instant::now()", &[]);
        check_lines("crates/web/tests/it/serve.rs", "Instant::now()", &[]);
    }

    #[test]
    fn the_environment_is_read_in_one_module() {
        check_lines("crates/web/src/lib.rs", "std::env::var(name)", &[1]);
        check_lines("crates/freight/src/main.rs", "std::env::var_os(name)", &[1]);
        check_lines("crates/freight/src/config/env.rs", "std::env::vars()", &[]);
        check_lines("crates/web/src/lib.rs", "env!(\"CARGO_PKG_VERSION\")", &[]);
    }
}
