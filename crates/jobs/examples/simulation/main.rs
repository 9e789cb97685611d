//! The engine's simulation: whole lives of jobs, thousands of them, each repeated by its seed.
//!
//! A *life* is some simulated minutes of a small cluster: three processes with an engine each, on one
//! store and one queue, whose clients start jobs and tasks, pause, resume, cancel and retry them.
//! Meanwhile the store delays, refuses, fails before applying and after, the queue loses, doubles
//! and delays rings, and processes are killed, frozen past their leases, and stopped. Then all of that
//! ceases, what is left is worked off, and [`judge`] looks whether everything is as it must be.
//!
//! Nothing waits: the runtime has one thread and a paused clock that jumps to the next thing due, so
//! a life takes some milliseconds, and all that is random comes from its seed.
//!
//! `simulation anything|notices|ticks FIRST COUNT [SABOTEUR]` prints one JSON line. It exits with 1 when a life went wrong,
//! naming its seed; with a saboteur it stops at the first life that notices it.
//!
//! 1. [`work`]: what the kinds do, and what a life asks for. [`bell`]: the queue.
//! 2. [`process`]: one process, and how it dies. [`life`]: one life, from beginning to end.
//! 3. [`ticks`]: a life about schedules. [`judge`]: what must hold. [`sabotage`]: engines that are broken on purpose.

#![expect(clippy::unwrap_used, clippy::panic, reason = "who started it sees why it ended")]

mod bell;
mod judge;
mod life;
mod process;
mod sabotage;
mod ticks;
mod work;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use serde_json::json;

use life::{Happened, Scene};
use sabotage::Sabotage;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let usage =
        || panic!("simulation anything|notices|ticks FIRST COUNT [SABOTEUR]; the saboteurs are {}", Sabotage::names());
    let [scene, first, count, saboteur @ ..] = words.as_slice() else { usage() };
    let scene = match scene.as_str() {
        "anything" => Scene::Anything,
        "notices" => Scene::Notices,
        "ticks" => Scene::Ticks,
        _ => usage(),
    };
    let saboteur = saboteur.first().map(|name| Sabotage::named(name));
    let (first, count): (u64, u64) = (first.parse().unwrap(), count.parse().unwrap());
    let begun = Instant::now();
    let outcome = lives(scene, first..first + count, saboteur);
    let line = json!({
        "lives": outcome.lived,
        "seconds": begun.elapsed().as_secs_f64(),
        "happened": outcome.happened,
        "never_happened": outcome.happened.missing(scene),
        "wrong": outcome.wrong.as_ref().map(|(seed, what)| json!({ "seed": seed, "what": what })),
    });
    println!("{line}");
    std::process::exit(i32::from(outcome.wrong.is_some()));
}

#[derive(Default)]
struct Outcome {
    lived: u64,
    happened: Happened,
    /// The lowest seed of those that went wrong, and how.
    wrong: Option<(u64, String)>,
}

/// How long a life may take in real time: a hundred times what one takes.
const LIFE_MAX: Duration = Duration::from_secs(10);

/// Lives a life in a thread of its own: one in which something turns in circles, so that no simulated
/// time passes, is given up.
fn watched(scene: Scene, seed: u64, saboteur: Option<Sabotage>) -> Result<Happened, String> {
    let (lived, ended) = mpsc::channel();
    std::thread::spawn(move || lived.send(life::live(scene, seed, saboteur)));
    ended.recv_timeout(LIFE_MAX).unwrap_or_else(|_| Err("it turns in circles, or panicked".to_owned()))
}

/// Lives them all, on all processors, up to the first that goes wrong.
fn lives(scene: Scene, seeds: std::ops::Range<u64>, saboteur: Option<Sabotage>) -> Outcome {
    let (next, stop) = (AtomicU64::new(seeds.start), AtomicBool::new(false));
    let outcome = Mutex::new(Outcome::default());
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            let lived = watched(scene, seed, saboteur);
            let mut outcome = outcome.lock().unwrap();
            outcome.lived += 1;
            match lived {
                Ok(happened) => outcome.happened.add(&happened),
                Err(what) => {
                    stop.store(true, Ordering::Relaxed);
                    if outcome.wrong.as_ref().is_none_or(|(other, _)| seed < *other) {
                        outcome.wrong = Some((seed, what));
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    outcome.into_inner().unwrap()
}
