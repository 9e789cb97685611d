//! Workers that are stopped past their leases: what `cargo xtask prove zombie` judges.
//!
//! - `zombies together FOLDER [no-fence]`: four engines in one process on one file; who started it stops
//!   the process. After a line on stdin it comes to its end.
//! - `zombies apart SEED STOPS [no-fence]`: three processes on DynamoDB and SQS, of which it stops one
//!   at a time.
//!
//! They work on short tasks that each have one effect, with leases of a second. Both say `ack NAME` for
//! each task that was acknowledged, and at the end `effect NAME TIMES` for each effect and `stale N`: so
//! many writes that showed a lost lease were refused. With `no-fence` such writes are made as if nobody
//! had checked, which must not go unnoticed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "who started it sees why it ended")]

mod apart;
mod late;
mod together;
mod work;

use std::path::Path;

use late::Fence;

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (words, fence) = match words.as_slice() {
        [words @ .., "no-fence"] => (words, Fence::None),
        words => (words, Fence::Kept),
    };
    match words {
        ["together", folder] => together::run(Path::new(folder), fence).await,
        ["apart", seed, stops] => apart::run(seed.parse().unwrap(), stops.parse().unwrap(), fence).await,
        // What `apart` starts.
        ["one", url, name] => apart::one(url, name, fence).await,
        _ => panic!("zombies together FOLDER | apart SEED STOPS [no-fence]"),
    }
}
