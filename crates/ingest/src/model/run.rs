//! What was asked of a run, and how it went.

use std::borrow::Cow;

use base::{Error, JobId};
use serde::{Deserialize, Serialize};

/// How many records a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// At least.
    pub min: u32,
    /// At most.
    pub max: u32,
}

/// Nobody asks for more in one call.
pub const SIZE_MAX: u32 = 1_000_000;
/// At most so many calls in a run.
pub const CALLS_MAX: u32 = 100_000;
/// So many calls when nobody says otherwise.
pub const CALLS_DEFAULT: u32 = 20;

impl Default for Sizes {
    fn default() -> Self {
        Self { min: 1, max: 100 }
    }
}

impl Sizes {
    /// Refuses what cannot be drawn from.
    ///
    /// # Errors
    /// `Invalid`, naming `size`.
    pub fn check(self) -> Result<Self, Error> {
        if 1 <= self.min && self.min <= self.max && self.max <= SIZE_MAX {
            Ok(self)
        } else {
            Err(Error::invalid(
                "size",
                format!("Allowed: a number, or {{min, max}} with 1 <= min <= max <= {SIZE_MAX}"),
            ))
        }
    }

    /// The size of the `call`-th call of a run: the same whenever and wherever it is drawn.
    pub fn draw(self, run: JobId, call: u32) -> u32 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(run.uuid().as_bytes());
        hasher.update(&call.to_le_bytes());
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        let span = u64::from(self.max - self.min) + 1;
        self.min + u32::try_from(u64::from_le_bytes(bytes) % span).unwrap_or(0)
    }
}

/// A call that failed for good, in the words of the seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallError {
    /// Which address was called, without its parameters.
    pub host: String,
    /// What went wrong.
    pub message: String,
    /// The status that was answered, if anything was.
    pub response: Option<u16>,
    /// The body that was answered, if anything was; cut with a mark where it is long.
    pub response_content: Option<String>,
}

/// How the last finished run of a dataset went; its errors are kept beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Which run.
    pub job: JobId,
    /// Records durably saved.
    pub records: i64,
    /// Calls that came to an end, well or not.
    pub api_calls: i64,
    /// How many calls failed for good, in all.
    pub error_count: i64,
    /// When it started, in milliseconds of Unix time.
    pub timestamp: i64,
    /// How long it took, in seconds.
    pub duration: f64,
}

/// At most so many errors are kept with a status.
pub const ERRORS_KEPT: usize = 1_000;
/// A foreign body is kept up to here in a dead letter, whose context has 64 KB in all.
pub const BODY_KEPT_BYTES: usize = 60 << 10;
/// And up to here in the log and in the status, which holds a thousand of them.
pub const STATUS_BODY_KEPT_BYTES: usize = 4 << 10;

/// As much of a text as takes `bytes_max` bytes in JSON, with a mark where something is missing.
pub fn cut(text: &str, bytes_max: usize) -> Cow<'_, str> {
    let mut bytes = 0;
    let over = text.char_indices().find(|(_, c)| {
        bytes += match c {
            '"' | '\\' | '\n' | '\r' | '\t' => 2,
            c if c.is_ascii_control() => 6,
            c => c.len_utf8(),
        };
        bytes > bytes_max
    });
    match over {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}… [cut: {end} of {} bytes]", &text[..end], text.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_drawn_from_the_run_and_stay_in_range() {
        let run = JobId::new(uuid::Uuid::from_u128(7));
        let sizes = Sizes { min: 3, max: 5 };
        let drawn: Vec<u32> = (0..200).map(|call| sizes.draw(run, call)).collect();
        assert_eq!(drawn, (0..200).map(|call| sizes.draw(run, call)).collect::<Vec<_>>());
        assert!((3..=5).all(|size| drawn.contains(&size)));
        assert!(drawn.iter().all(|size| (3..=5).contains(size)));
        assert_eq!(Sizes { min: 250, max: 250 }.draw(run, 1), 250);
    }

    #[test]
    fn a_long_body_is_cut_at_a_character_with_a_mark() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("äää", 3), "ä… [cut: 2 of 6 bytes]");
        assert_eq!(cut("\u{0}\u{0}", 11), "\u{0}… [cut: 1 of 2 bytes]");
        assert_eq!(cut("\"\"", 4), "\"\"");
    }
}
