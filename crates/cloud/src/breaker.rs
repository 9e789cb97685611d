//! A breaker: who is not there is not asked by everybody all the time.
//!
//! It opens when somebody found that the other side is away. Then every call is given up at once; when
//! the pause is over one call tries, and the pause that follows its failure is twice as long. An answer
//! closes it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::Clock as _;
use base::clock::SystemClock;

/// The first pause.
const PAUSE_FIRST: Duration = Duration::from_millis(100);

/// Whether the other side is asked.
#[derive(Debug)]
pub(crate) struct Breaker {
    clock: SystemClock,
    pause_max: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The pause that was made last; zero while all is well.
    pause: Duration,
    open_until: Duration,
}

impl Breaker {
    /// One that is closed, and whose pauses grow up to this.
    pub(crate) fn new(pause_max: Duration) -> Self {
        Self { clock: SystemClock::new(), pause_max, state: Mutex::default() }
    }

    /// Whether nobody is to ask now.
    pub(crate) fn is_open(&self) -> bool {
        self.clock.monotonic() < self.state().open_until
    }

    /// Whether this caller may ask now. After a pause the first one may, and the others wait for what
    /// it learns, or for another pause.
    pub(crate) fn admits(&self) -> bool {
        let (now, mut state) = (self.clock.monotonic(), self.state());
        if now < state.open_until {
            return false;
        }
        if !state.pause.is_zero() {
            state.open_until = now + state.pause;
        }
        true
    }

    /// The other side is away; says whether that is news.
    pub(crate) fn open(&self) -> bool {
        let mut state = self.state();
        let is_news = state.pause.is_zero();
        state.pause = (state.pause * 2).clamp(PAUSE_FIRST, self.pause_max);
        state.open_until = self.clock.monotonic() + state.pause;
        is_news
    }

    /// The other side has answered; says whether that is news.
    pub(crate) fn close(&self) -> bool {
        let mut state = self.state();
        let is_news = !state.pause.is_zero();
        *state = State::default();
        is_news
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_asks_after_a_pause_and_an_answer_lets_all_in() {
        let breaker = Breaker::new(Duration::from_secs(2));
        assert!(breaker.admits() && breaker.admits());
        assert!(breaker.open() && !breaker.open(), "it is news once");
        assert!(!breaker.admits() && breaker.is_open());
        let clock = SystemClock::new();
        while !breaker.admits() {
            std::thread::yield_now();
        }
        assert!(clock.monotonic() >= Duration::from_millis(150), "the second pause is longer");
        assert!(!breaker.admits(), "one is enough");
        assert!(breaker.close() && !breaker.close());
        assert!(breaker.admits() && breaker.admits());
    }
}
