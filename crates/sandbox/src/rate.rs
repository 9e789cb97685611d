//! When a call comes too fast.
//!
//! Exact, not approximate: in no sliding minute are more calls admitted than allowed. Refused
//! calls are not counted, as with the public APIs whose limits are known.

use std::collections::VecDeque;
use std::time::Duration;

const WINDOW: Duration = Duration::from_secs(60);

/// When the calls of the last minute were admitted, in monotonic time.
#[derive(Default)]
pub(crate) struct Window(VecDeque<Duration>);

impl Window {
    /// Admits a call at `now`, or says how long to wait until one is admitted. The limit may
    /// differ from call to call.
    pub(crate) fn admit(&mut self, calls_per_min: u32, now: Duration) -> Result<(), Duration> {
        while self.0.front().is_some_and(|at| *at + WINDOW <= now) {
            self.0.pop_front();
        }
        let over = (self.0.len() + 1).checked_sub(calls_per_min as usize).filter(|over| *over > 0);
        match over.and_then(|over| self.0.get(over - 1)) {
            Some(in_the_way) => Err(*in_the_way + WINDOW - now),
            None => {
                self.0.push_back(now);
                Ok(())
            }
        }
    }
}
