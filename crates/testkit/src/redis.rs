//! A Redis of a test's own, in a process that ends with the test's.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Says which process the server is, and ends it when standard input does: so it cannot outlive who started
/// it, not even held.
const GUARD: &str = r#"
redis-server --bind 127.0.0.1 --port "$1" --dir "$2" --save "" --appendonly no >/dev/null 2>&1 &
server=$!
echo "$server"
read -r _
kill -s CONT "$server" 2>/dev/null
kill "$server" 2>/dev/null
wait "$server" 2>/dev/null
"#;

const START_MAX: Duration = Duration::from_secs(10);

/// A Redis server.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    folder: TempDir,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    guard: Child,
    /// The process of the server.
    server: u32,
}

impl Redis {
    /// Starts an empty one.
    ///
    /// # Panics
    /// When it is not installed, or does not listen.
    pub fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        let mut redis = Self { port, folder: tempfile::tempdir().expect("a folder"), running: None };
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
        guard.args(["-c", GUARD, "sh"]).arg(self.port.to_string()).arg(self.folder.path());
        let mut guard = guard.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("start sh");
        let mut line = String::new();
        let said = guard.stdout.take().expect("sh has an output");
        BufReader::new(said).read_line(&mut line).expect("sh says which process the server is");
        let server = line.trim().parse().expect("sh says which process the server is");
        self.running = Some(Running { guard, server });
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(begun.elapsed() < START_MAX, "redis-server does not listen: `cargo xtask tools` installs it");
            std::thread::yield_now();
        }
    }

    /// All that it holds, as it would lie on a disk, with every text as it is.
    ///
    /// # Panics
    /// When it does not run.
    pub fn dump(&self) -> Vec<u8> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).expect("a server that runs");
        socket.write_all(b"CONFIG SET rdbcompression no\r\nSAVE\r\nQUIT\r\n").expect("it listens");
        let mut said = String::new();
        socket.read_to_string(&mut said).expect("it answers");
        assert_eq!(said, "+OK\r\n".repeat(3), "Redis did not save");
        std::fs::read(self.folder.path().join("dump.rdb")).expect("what it saved")
    }

    /// Ends it, with all it held.
    pub fn stop(&mut self) {
        if let Some(Running { mut guard, .. }) = self.running.take() {
            if let Some(mut input) = guard.stdin.take() {
                // A guard that is gone already needs no telling.
                drop(input.write_all(b"\n"));
            }
            drop(guard.wait());
        }
    }

    /// Holds it: it takes connections and requests, and says nothing until it goes on.
    ///
    /// # Panics
    /// When it does not run.
    pub fn hold(&self) {
        self.signal("STOP");
    }

    /// Lets it go on, with all it held.
    ///
    /// # Panics
    /// As [`Redis::hold`].
    pub fn go_on(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let server = self.running.as_ref().expect("a server that runs").server.to_string();
        let told = Command::new("kill").args(["-s", name, &server]).status();
        assert!(told.is_ok_and(|status| status.success()), "no process to send {name} to");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}
