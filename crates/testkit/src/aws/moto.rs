//! moto, in a process of its own that ends with ours.
//!
//! `cargo xtask test` installs it below `target/tools`. One process serves all tests of a binary:
//! each fixture has names of its own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

const SERVER: &str = include_str!("moto.py");

/// An emulator of AWS.
#[derive(Debug)]
pub struct Moto {
    port: u16,
    _child: Child,
}

impl Moto {
    /// The one of this process, started on first use.
    ///
    /// # Panics
    /// When it is not installed, or does not start.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Moto> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// The Python that moto runs in, which has boto3 too.
    ///
    /// # Panics
    /// When it is not installed.
    pub fn python() -> Command {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/moto/bin/python");
        assert!(python.exists(), "moto is not installed: `cargo xtask tools` brings what tests need");
        Command::new(python)
    }

    fn start() -> Self {
        let mut child = Self::python()
            .args(["-c", SERVER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("start moto");
        let mut line = String::new();
        let said = child.stdout.take().expect("moto has an output");
        BufReader::new(said).read_line(&mut line).expect("moto says its port");
        let port = line.trim().parse().expect("moto says its port");
        Self { port, _child: child }
    }

    /// Runs a Python program that has boto3, and moto for its AWS; returns what it printed.
    ///
    /// # Panics
    /// When the program fails.
    pub fn boto3(&self, program: &str, arguments: &[&str]) -> String {
        let ran = Self::python()
            .args(["-c", program])
            .args(arguments)
            .envs([("AWS_ENDPOINT_URL", self.url().as_str()), ("AWS_DEFAULT_REGION", "eu-west-2")])
            .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("PYTHONUTF8", "1")])
            .output()
            .expect("start Python");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).expect("text")
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
