//! A Redis of a test's own, in a process that ends with the test's.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Ends the server when standard input does: so it cannot outlive who started it.
const GUARD: &str = r#"
redis-server --bind 127.0.0.1 --port "$1" --dir "$2" --save "" --appendonly no >/dev/null 2>&1 &
server=$!
read -r _
kill "$server" 2>/dev/null
wait "$server" 2>/dev/null
"#;

const START_MAX: Duration = Duration::from_secs(10);

/// A Redis server.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    folder: TempDir,
    guard: Option<Child>,
}

impl Redis {
    /// Starts an empty one.
    ///
    /// # Panics
    /// When it is not installed, or does not listen.
    pub fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        let mut redis = Self { port, folder: tempfile::tempdir().expect("a folder"), guard: None };
        redis.restart();
        redis
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it again where it was, empty.
    ///
    /// # Panics
    /// As [`Redis::start`].
    pub fn restart(&mut self) {
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "sh"]).arg(self.port.to_string()).arg(self.folder.path()).stdin(Stdio::piped());
        self.guard = Some(guard.spawn().expect("start sh"));
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(begun.elapsed() < START_MAX, "redis-server does not listen: `cargo xtask tools` installs it");
            std::thread::yield_now();
        }
    }

    /// Ends it, with all it held.
    pub fn stop(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            if let Some(mut input) = guard.stdin.take() {
                // A guard that is gone already needs no telling.
                drop(input.write_all(b"\n"));
            }
            drop(guard.wait());
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}
