//! Copies of the program on shared backends, and what befalls them: what `cargo xtask prove outage`,
//! `prove roll` and `prove limits` judge.
//!
//! `fleet outage|roll|limits PROGRAM SEED N [saboteur]` starts PROGRAM on an emulator of AWS and a Redis, and
//! plays the scene with N rounds. It prints one JSON line.

#![expect(clippy::unwrap_used, clippy::panic, reason = "who started it sees why it ended")]

mod front;
mod limits;
mod load;
mod outage;
mod roll;

use std::path::PathBuf;

use sandbox::Behaviour;
use testkit::copies::Backends;
use tokio::net::TcpListener;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [scene, program, seed, rounds, rest @ ..] = words.as_slice() else {
        panic!("fleet SCENE PROGRAM SEED N [saboteur]");
    };
    let script = Script {
        program: std::path::absolute(program).unwrap(),
        seed: seed.parse().unwrap(),
        rounds: rounds.parse().unwrap(),
        saboteur: rest.first().cloned(),
    };
    let told = match scene.as_str() {
        "outage" => outage::play(&script).await,
        "limits" => limits::play(&script).await,
        "roll" => roll::play(&script).await,
        _ => panic!("no scene is called {scene}"),
    };
    println!("{told}");
}

/// What is played.
struct Script {
    program: PathBuf,
    seed: u64,
    rounds: u64,
    saboteur: Option<String>,
}

impl Script {
    /// Backends with all tables and queues, and stand-ins of third parties that all copies call.
    async fn backends(&self, behaviour: Behaviour, environment: &[(&str, &str)]) -> Backends {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = sandbox::Config { behaviour, ..sandbox::Config::default() };
        let sandbox = listener.local_addr().unwrap().to_string();
        tokio::spawn(sandbox::serve(listener, config, std::future::pending()));
        let mut backends = Backends::start(self.seed).await.with("FREIGHT_SANDBOX_AT", &sandbox);
        for (name, value) in environment {
            backends = backends.with(name, value);
        }
        assert_eq!(backends.run(&self.program, &["tables", "create"]).0, Some(0));
        backends
    }
}
