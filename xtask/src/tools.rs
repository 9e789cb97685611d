//! Tools that no toolchain brings, in pinned versions below `target/tools`.
//!
//! Nothing is installed into the system, and what is there already is used: a second run installs
//! nothing.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::process;

const CARGO_DENY: &str = "0.20.2";
const SCHEMATHESIS: &str = "4.32.5";

/// cargo-deny, built from source the first time (one to two minutes).
///
/// Without optimization: it runs for seconds and would be compiled for minutes. Why no ready
/// binary, stands in `docs/decisions/0002-cargo-deny-from-source.md`.
///
/// # Errors
/// When it cannot be built.
pub(crate) fn cargo_deny() -> Result<PathBuf> {
    let home = home(&format!("cargo-deny-{CARGO_DENY}"));
    let program = home.join("bin/cargo-deny");
    if !program.exists() {
        let mut install = process::cargo(&format!("install cargo-deny --version {CARGO_DENY} --locked --quiet --root"));
        install.arg(&home).envs([
            ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
            ("CARGO_PROFILE_RELEASE_LTO", "off"),
            ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
            ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
        ]);
        process::run(install)?;
    }
    Ok(program)
}

/// schemathesis, in a Python environment of its own.
///
/// # Errors
/// When the environment cannot be made, or the package not be installed into it.
pub(crate) fn schemathesis() -> Result<PathBuf> {
    let home = home(&format!("schemathesis-{SCHEMATHESIS}"));
    let program = home.join("bin/schemathesis");
    if !program.exists() {
        let mut environment = process::command("python3", "-m venv --clear");
        environment.arg(&home);
        process::run(environment).context("python3 with its venv module is needed (Debian: python3-venv)")?;
        let words = format!("install --quiet --disable-pip-version-check schemathesis=={SCHEMATHESIS}");
        process::run(process::command(home.join("bin/pip"), &words))?;
    }
    Ok(program)
}

fn home(name: &str) -> PathBuf {
    process::root().join("target/tools").join(name)
}
