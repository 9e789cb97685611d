//! Tools that no toolchain brings, in pinned versions below `target/tools`.
//!
//! Nothing is installed into the system but what only its package manager has, and what is there already
//! is used: a second run installs nothing.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process;

const CARGO_DENY: &str = "0.20.2";
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// moto, the two packages that make a server of it (its own extra brings a hundred), and cfn-lint, which its
/// CloudFormation cannot do without.
const MOTO: [&str; 4] =
    ["moto[cloudformation,cognitoidp,dynamodb]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5", "cfn-lint==1.58.0"];

/// Brings what the tests of the workspace start by themselves: moto and a Redis server.
///
/// # Errors
/// When one of them cannot be had.
pub(crate) fn for_tests() -> Result<()> {
    python_packages("moto", &MOTO)?;
    redis_server().map(drop)
}

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
/// As for [`python_packages`].
pub(crate) fn schemathesis() -> Result<PathBuf> {
    Ok(python_packages("schemathesis", &[SCHEMATHESIS])?.join("bin/schemathesis"))
}

/// cfn-lint, which judges templates of CloudFormation.
///
/// # Errors
/// As for [`python_packages`].
pub(crate) fn cfn_lint() -> Result<PathBuf> {
    Ok(python_packages("moto", &MOTO)?.join("bin/cfn-lint"))
}

/// A Python environment of its own with these packages, each `name==version`.
///
/// # Errors
/// When the environment cannot be made, or the packages not be installed into it.
pub(crate) fn python_packages(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let home = home(name);
    installed(&home, packages, || {
        let mut environment = process::command("python3", "-m venv --clear");
        environment.arg(&home);
        process::run(environment).context("python3 with its venv module is needed (Debian: python3-venv)")?;
        let mut install = process::command(home.join("bin/pip"), "install --quiet --disable-pip-version-check");
        install.args(packages);
        process::run(install)
    })?;
    Ok(home)
}

/// A folder with these packages for Node.js, each `name@version`.
///
/// # Errors
/// When they cannot be installed.
pub(crate) fn node_packages(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let home = home(name);
    installed(&home, packages, || {
        std::fs::create_dir_all(&home)?;
        std::fs::write(home.join("package.json"), "{\"private\": true}")?;
        let mut install = process::command("npm", "install --silent --no-audit --no-fund");
        install.args(packages).current_dir(&home);
        process::run(install).context("Node.js with npm is needed")
    })?;
    Ok(home)
}

/// A Redis server; where there is none, the system's package manager brings it.
///
/// # Errors
/// When it cannot be had.
pub(crate) fn redis_server() -> Result<PathBuf> {
    of_the_system("redis-server", "redis-server")
}

/// Chromium, and the driver through which it is told what to do.
///
/// # Errors
/// As for [`redis_server`].
pub(crate) fn browser() -> Result<(PathBuf, PathBuf)> {
    Ok((of_the_system("chromium", "chromium")?, of_the_system("chromedriver", "chromium-driver")?))
}

/// A program; where there is none, a package of the system brings it.
fn of_the_system(program: &str, package: &str) -> Result<PathBuf> {
    if !process::works(process::command(program, "--version")) {
        eprintln!("installing {package}");
        let mut install = process::command("apt-get", "install --yes --quiet --no-install-recommends");
        install.arg(package);
        process::run(install).with_context(|| format!("{program} is needed"))?;
    }
    Ok(PathBuf::from(program))
}

/// Installs something unless it is there already; what is, is written down when it is whole.
fn installed(home: &Path, packages: &[&str], install: impl FnOnce() -> Result<()>) -> Result<()> {
    let (list, wanted) = (home.join("installed"), packages.join(" "));
    if std::fs::read_to_string(&list).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    install()?;
    Ok(std::fs::write(list, wanted)?)
}

fn home(name: &str) -> PathBuf {
    process::root().join("target/tools").join(name)
}
