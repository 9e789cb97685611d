//! What happens once in the life of a store: tenants and a key are made, and the key is shown.
//!
//! The key is printed where a person reads it, never into a log that is collected. With
//! `--sandbox` it is also written to `freight.env`, which a shell can source and our own client
//! reads: that server is for trying things out. Whoever misses it makes another with
//! `freight keys create --offline`.

use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use accounts::Accounts;
use anyhow::{Context, Result};

use crate::config::Environment;

/// The file for shells and our own client.
pub const ENV_FILE: &str = "freight.env";

/// Makes the first tenants and key if the store is empty, and shows the key.
///
/// # Errors
/// When the store cannot be written, or `freight.env` cannot.
pub async fn first_start(accounts: &Accounts, url: &str, sandbox: bool, say: &dyn Fn(&str)) -> Result<()> {
    let Some(made) = accounts.bootstrap().await? else {
        return if sandbox { move_env(Path::new(ENV_FILE), url) } else { Ok(()) };
    };
    let key = made.text.expose();
    if std::io::stderr().is_terminal() {
        say(&format!("The first start made an admin key, which is not shown again:\n  {key}"));
    } else if !sandbox {
        say(
            "The first start made an admin key, which is shown on a terminal only: make another with `freight keys create --offline`",
        );
    }
    if sandbox {
        write_env(Path::new(ENV_FILE), url, key)?;
        say(&format!("Wrote the address and the admin key to {ENV_FILE}"));
    }
    Ok(())
}

/// The key of an earlier start is still good; where the server listens may have changed.
fn move_env(path: &Path, url: &str) -> Result<()> {
    let mut kept = Environment::default();
    kept.merge_file(path).map_err(anyhow::Error::msg)?;
    match kept.get("FREIGHT_API_KEY") {
        Some(key) if kept.get("FREIGHT_URL") != Some(url) => write_env(path, url, key),
        _ => Ok(()),
    }
}

/// Writes the file for its owner alone: under another name first, so that it is whole or absent.
fn write_env(path: &Path, url: &str, key: &str) -> Result<()> {
    let part = path.with_extension("env.part");
    let mut options = OpenOptions::new();
    let opened = options.write(true).create(true).truncate(true).mode(0o600).open(&part);
    let written = opened.and_then(|mut file| {
        write!(file, "export FREIGHT_URL='{url}'\nexport FREIGHT_API_KEY='{key}'\n")?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    });
    written.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_file_is_for_its_owner_and_says_what_a_shell_reads() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(ENV_FILE);
        write_env(&path, "http://127.0.0.1:1", "frt_live_x").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let mut environment = Environment::default();
        environment.merge_file(&path).unwrap();
        assert_eq!(environment.get("FREIGHT_URL"), Some("http://127.0.0.1:1"));
        assert_eq!(environment.get("FREIGHT_API_KEY"), Some("frt_live_x"));
    }

    #[test]
    fn a_later_start_changes_the_address_and_keeps_the_key() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(ENV_FILE);
        move_env(&path, "http://127.0.0.1:2").unwrap();
        assert!(!path.exists(), "there is no key to write down");
        write_env(&path, "http://127.0.0.1:1", "frt_live_x").unwrap();
        move_env(&path, "http://127.0.0.1:2").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("127.0.0.1:2") && text.contains("frt_live_x"), "{text}");
    }
}
