//! What is handed to others: the program as an archive, as an image's file, as a function.
//!
//! Everything lies below `target/dist` afterwards, each file with its SHA-256 beside it:
//!
//! - `freight-VERSION-TARGET.tar.gz`: the program, README and LICENSE;
//! - `Containerfile`: makes an image of that archive, whose program is not root. Where the image's system could not
//!   run the program there is none, and what the program needs is told;
//! - with `--lambda`, `freight-lambda.zip`: the program as `bootstrap`, which is how Lambda starts one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use sha2::{Digest, Sha256};

use crate::{process, server};

/// What goes into the archive besides the program.
const BESIDE: [&str; 2] = ["README.md", "LICENSE"];
/// The image. Its base has what a program that is linked to glibc needs, roots of trust, and no shell.
const CONTAINERFILE: &str = include_str!("dist/Containerfile");

/// What the image has is glibc 2.36.
const IMAGE_GLIBC: u32 = 36;
/// What `provided.al2023` has is glibc 2.34.
const LAMBDA_GLIBC: u32 = 34;

/// What to make.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// The zip for AWS Lambda instead of the archive.
    #[arg(long)]
    lambda: bool,
}

/// Builds the program and packs it.
///
/// # Errors
/// When it cannot be built, stripped or packed, or what was packed does not run.
pub(crate) fn run(options: &Options) -> Result<()> {
    let program = server::release()?;
    let folder = process::root().join("target/dist");
    fs::create_dir_all(&folder)?;
    let stage = tempfile::tempdir_in(&folder)?;
    let made = if options.lambda {
        let bootstrap = stripped(&program, &stage.path().join("bootstrap"))?;
        says_its_version(&bootstrap)?;
        let architecture = runs_with(LAMBDA_GLIBC, &fs::read(&bootstrap)?).context("Lambda could not run it")?;
        let path = folder.join("freight-lambda.zip");
        zipped(&bootstrap, &path)?;
        eprintln!("deploy/freight.yaml takes it with Architecture={architecture}");
        path
    } else {
        let (path, runs_in_image) = archived(&program, stage.path(), &folder)?;
        let containerfile = folder.join("Containerfile");
        match runs_in_image {
            Ok(architecture) => {
                fs::write(containerfile, CONTAINERFILE)?;
                eprintln!("deploy/freight.yaml takes an image of it with Architecture={architecture}");
            }
            Err(error) => {
                if containerfile.exists() {
                    fs::remove_file(containerfile)?;
                }
                eprintln!("no Containerfile, since its image could not run the program: {error}");
            }
        }
        path
    };
    let name = made.file_name().context("a name")?.to_string_lossy().into_owned();
    let sum: String = Sha256::digest(fs::read(&made)?).iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(folder.join(format!("{name}.sha256")), format!("{sum}  {name}\n"))?;
    println!("{}", made.display());
    Ok(())
}

/// The archive of the program and what goes with it; and the program's architecture, or why no image can run it.
fn archived(program: &Path, stage: &Path, folder: &Path) -> Result<(PathBuf, Result<&'static str>)> {
    let name = format!("freight-{}-{}", env!("CARGO_PKG_VERSION"), host()?);
    let inside = stage.join(&name);
    fs::create_dir(&inside)?;
    let program = stripped(program, &inside.join("freight"))?;
    says_its_version(&program)?;
    let runs_in_image = runs_with(IMAGE_GLIBC, &fs::read(&program)?);
    for file in BESIDE {
        fs::copy(process::root().join(file), inside.join(file))?;
    }
    // The image takes the archive that is there.
    for older in fs::read_dir(folder)? {
        let older = older?;
        let older_name = older.file_name();
        let older_name = older_name.to_string_lossy();
        if older_name.starts_with("freight-") && older_name.contains(".tar.gz") {
            fs::remove_file(older.path())?;
        }
    }
    let path = folder.join(format!("{name}.tar.gz"));
    let mut tar = process::command("tar", "-czf");
    tar.arg(&path).arg("-C").arg(stage).arg(&name);
    process::run(tar)?;
    Ok((path, runs_in_image))
}

/// A copy without symbols: a fifth of the size, and nothing that a server needs is lost.
fn stripped(program: &Path, to: &Path) -> Result<PathBuf> {
    let mut strip = process::command("strip", "-o");
    strip.arg(to).arg(program);
    process::run(strip).context("strip comes with a C compiler")?;
    Ok(to.to_owned())
}

fn says_its_version(program: &Path) -> Result<()> {
    let said = process::output(process::command(program, "--version"))?;
    ensure!(said.trim() == concat!("freight ", env!("CARGO_PKG_VERSION")), "it says {said:?}");
    Ok(())
}

/// What the template calls the architecture of a program that a Linux with this glibc can run.
fn runs_with(has: u32, program: &[u8]) -> Result<&'static str> {
    ensure!(program.starts_with(b"\x7fELF"), "it is no program for Linux: build it on one");
    let needs = glibc(program);
    ensure!(needs <= has, "it was linked to glibc 2.{needs}, and there is 2.{has}: build it on an older system");
    // `e_machine` of the ELF header, little-endian as both are.
    match program.get(18..20) {
        Some([62, 0]) => Ok("x86_64"),
        Some([183, 0]) => Ok("arm64"),
        other => bail!("it is for another machine ({other:?}): x86_64 and arm64 are taken"),
    }
}

/// The newest 2.N of glibc that a program names: what it was linked to, by the versions of its symbols.
fn glibc(program: &[u8]) -> u32 {
    const NAME: &[u8] = b"GLIBC_2.";
    let after = program.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME);
    let minor = |at: usize| {
        let digits = program[at + NAME.len()..].iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0, |minor: u32, digit| minor.saturating_mul(10).saturating_add(u32::from(digit - b'0')))
    };
    after.map(|(at, _)| minor(at)).max().unwrap_or_default()
}

/// A zip with one executable file, under the name that it has, by the Python that everything here needs.
fn zipped(program: &Path, to: &Path) -> Result<()> {
    let folder = program.parent().context("a folder")?;
    let mut zip = process::command("python3", "-m zipfile -c");
    zip.arg(to).arg(program.file_name().context("a name")?).current_dir(folder);
    process::run(zip)
}

/// What the toolchain builds for.
fn host() -> Result<String> {
    let said = process::output(process::command("rustc", "--version --verbose"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc names no host")?.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_a_program_needs_is_read_from_it() {
        assert_eq!(glibc(b"\0GLIBC_2.4\0GLIBC_2.34\0GLIBC_2.2.5\0GLIBC_PRIVATE\0"), 34);
        assert_eq!(glibc(b"statically linked"), 0);
        let here = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(glibc(&here) >= 4, "this test is linked to one");
    }

    #[test]
    fn a_program_is_handed_on_only_to_what_can_run_it() {
        let program = |machine: u8, needs: &str| {
            let mut program = b"\x7fELF\x02\x01\x01".to_vec();
            program.resize(18, 0);
            program.extend([machine, 0]);
            [program, needs.into()].concat()
        };
        assert_eq!(runs_with(36, &program(62, "GLIBC_2.36")).unwrap(), "x86_64");
        assert_eq!(runs_with(36, &program(183, "GLIBC_2.17")).unwrap(), "arm64");
        let refused = |program: &[u8]| runs_with(36, program).unwrap_err().to_string();
        assert!(refused(&program(62, "GLIBC_2.39")).contains("glibc 2.39, and there is 2.36"));
        assert!(refused(&program(243, "")).contains("another machine"));
        assert!(refused(b"\xcf\xfa\xed\xfe").contains("no program for Linux"));
    }

    #[test]
    fn the_zip_unpacks_to_a_program_that_starts() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("bootstrap");
        fs::write(&program, "#!/bin/sh\necho started\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let packed = directory.path().join("function.zip");
        zipped(&program, &packed).unwrap();
        // As Lambda does, and `python3 -m zipfile -e` does not: with the modes that the zip has.
        let unpack = "import os, sys, zipfile\n\
                      packed = zipfile.ZipFile(sys.argv[1])\n\
                      for each in packed.infolist():\n    \
                      os.chmod(packed.extract(each, sys.argv[2]), each.external_attr >> 16)\n";
        let task = directory.path().join("task");
        let mut unpacking = process::command("python3", "-c");
        unpacking.arg(unpack).arg(&packed).arg(&task);
        process::run(unpacking).unwrap();
        assert_eq!(process::output(process::command(task.join("bootstrap"), "")).unwrap(), "started\n");
    }
}
