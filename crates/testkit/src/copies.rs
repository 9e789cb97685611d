//! Copies of the program, as processes on backends that they share.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Redis;
use crate::aws::{AwsShim, Moto, Odds};

/// An emulator takes its time, so that a copy has to be patient with it, in milliseconds.
const SILENCE_MAX_MS: &str = "20000";

/// What copies share: DynamoDB and SQS behind the shim, a Redis, and a directory to start in.
#[derive(Debug)]
pub struct Backends {
    /// What may go wrong.
    pub shim: AwsShim,
    /// The cache, and who counts requests.
    pub redis: Redis,
    directory: TempDir,
    environment: Vec<(String, String)>,
}

impl Backends {
    /// Starts them on a good day; there are no tables yet.
    ///
    /// # Panics
    /// When an emulator is not installed.
    pub async fn start(seed: u64) -> Self {
        let (shim, redis) = (AwsShim::start(Moto::shared(), seed, Odds::default()).await, Redis::start());
        let environment = [
            ("FREIGHT_SERVER_LISTEN", "127.0.0.1:0".to_owned()),
            ("FREIGHT_LOG_FILTER", "warn".to_owned()),
            ("FREIGHT_STORE_URI", "dynamodb://eu-west-2?prefix=copies-".to_owned()),
            ("FREIGHT_STORE_SILENCE_MAX_MS", SILENCE_MAX_MS.to_owned()),
            ("FREIGHT_QUEUE_URI", "sqs://eu-west-2?prefix=copies-".to_owned()),
            ("REDIS_URL", redis.url()),
            ("AWS_ENDPOINT_URL", shim.url()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).into();
        Self { shim, redis, directory: tempfile::tempdir().expect("a folder"), environment }
    }

    /// The same with another variable in the environment of every copy.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// What a copy finds in its environment.
    ///
    /// # Panics
    /// When there is no such variable.
    pub fn variable(&self, name: &str) -> &str {
        let found = self.environment.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).expect("the variable")
    }

    /// The program, with nothing in its environment but where the backends are.
    pub fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.directory.path()).env_clear().stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the program to its end: its status, and what it said on stdout.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn run(&self, program: &Path, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.command(program, arguments).output().expect("the program runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The key that the first copy left when it was started with `--sandbox`.
    ///
    /// # Panics
    /// When there is none.
    pub fn key(&self) -> String {
        let kept = std::fs::read_to_string(self.directory.path().join("freight.env")).expect("a first start");
        let key = kept.lines().find_map(|line| line.strip_prefix("export FREIGHT_API_KEY='")).expect("a key");
        key.trim_end_matches('\'').to_owned()
    }
}

/// A copy that runs; killed when it is dropped before it ended.
#[derive(Debug)]
pub struct Copy {
    child: Child,
    /// Where it listens, if it does.
    pub url: String,
}

impl Copy {
    /// Starts one and waits until it says that it is ready.
    ///
    /// # Panics
    /// When it ends instead.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let mut heard = String::new();
        let mut lines = BufReader::new(child.stderr.take().expect("it has an output"));
        while !heard.contains("listening on ") && !heard.contains("runs tasks") {
            let more = lines.read_line(&mut heard).expect("it says something");
            assert!(more > 0, "it ended at start: {heard}");
        }
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let url = heard.rsplit("listening on ").next().unwrap_or_default().trim().to_owned();
        Self { child, url }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Forgets how much memory it has used at most.
    ///
    /// # Panics
    /// When there is no such process, or the system is not Linux.
    pub fn memory_peak_forget(&self) {
        // What 5 means there: https://docs.kernel.org/filesystems/proc.html
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").expect("a process of ours");
    }

    /// How much memory it has used at most, in KiB, since that was forgotten.
    ///
    /// # Panics
    /// As [`Self::memory_peak_forget`].
    pub fn memory_peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a process of ours");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("what it used at most");
        line.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
    }

    /// Sends it a signal, such as `TERM`.
    ///
    /// # Panics
    /// When there is nobody to send it to.
    pub fn signal(&self, name: &str) {
        let told = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(told.is_ok_and(|status| status.success()), "no process to send {name} to");
    }

    /// Waits for its end: its status, none when a signal ended it, and how long it took.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn ended(mut self) -> (Option<i32>, Duration) {
        let begun = Instant::now();
        let status = self.child.wait().expect("its end");
        (status.code(), begun.elapsed())
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("a copy could not be ended: {error}");
        }
    }
}
