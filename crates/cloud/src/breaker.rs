//! A breaker: who is not there is not asked by everybody all the time.
//!
//! It opens when somebody found that the other side is away. Then every call is given up at once; when
//! the pause is over one call tries, and the pause that follows its failure is twice as long. An answer
//! closes it. Who tries need not wait as long as others ([`Pass::patience`]).
//!
//! Many may find out at the same time, each by a call of its own: what a call found counts only as long as
//! nothing has changed since it was let through, or a crowd would make one pause as long as many.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::Clock;
use base::clock::SystemClock;

/// The first pause.
const PAUSE_FIRST: Duration = Duration::from_millis(100);

/// Whether the other side is asked.
#[derive(Debug)]
pub(crate) struct Breaker {
    clock: Arc<dyn Clock>,
    pause_max: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How often it has opened or closed.
    changes: u64,
    /// The pause that was made last; zero while all is well.
    pause: Duration,
    open_until: Duration,
}

/// That a call was let through, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    changes: u64,
    /// Whether it is the one that tries after a pause.
    pub(crate) is_trial: bool,
    /// The pause that was made before it.
    pause: Duration,
}

impl Pass {
    /// How long this call is waited for, of at most so long: one that tries a quarter at first, and twice as long
    /// after each further pause. Whoever is back mostly answers at once, and the caller may have waited already.
    pub(crate) fn patience(self, most: Duration) -> Duration {
        if self.is_trial { most.mul_f64((self.pause.div_duration_f64(PAUSE_FIRST) / 4.0).min(1.0)) } else { most }
    }
}

impl Breaker {
    /// One that is closed, and whose pauses grow up to this.
    pub(crate) fn new(pause_max: Duration) -> Self {
        Self::on(Arc::new(SystemClock::new()), pause_max)
    }

    fn on(clock: Arc<dyn Clock>, pause_max: Duration) -> Self {
        Self { clock, pause_max, state: Mutex::default() }
    }

    /// Lets a call through, or not. After a pause the first one is, and the others wait for what it
    /// learns, or for another pause.
    pub(crate) fn admit(&self) -> Option<Pass> {
        let (now, mut state) = (self.clock.monotonic(), self.state());
        if now < state.open_until {
            return None;
        }
        let is_trial = !state.pause.is_zero();
        if is_trial {
            state.open_until = now + state.pause;
        }
        Some(Pass { changes: state.changes, is_trial, pause: state.pause })
    }

    /// Whether nothing has changed since a call was let through.
    pub(crate) fn is_as_at(&self, pass: Pass) -> bool {
        self.state().changes == pass.changes
    }

    /// This call found the other side away; says whether that is news.
    pub(crate) fn open(&self, pass: Pass) -> bool {
        let mut state = self.state();
        if state.changes != pass.changes {
            return false;
        }
        let is_news = state.pause.is_zero();
        state.changes += 1;
        state.pause = (state.pause * 2).clamp(PAUSE_FIRST, self.pause_max);
        state.open_until = self.clock.monotonic() + state.pause;
        is_news
    }

    /// The other side has answered; says whether that is news.
    pub(crate) fn close(&self) -> bool {
        let mut state = self.state();
        if state.pause.is_zero() {
            return false;
        }
        *state = State { changes: state.changes + 1, ..State::default() };
        true
    }

    /// Whether the other side was found to be away, and has not answered since.
    pub(crate) fn is_open(&self) -> bool {
        !self.state().pause.is_zero()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use base::clock::ManualClock;

    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    /// How many milliseconds it takes until a call is let through, and its pass.
    fn waited(breaker: &Breaker, clock: &ManualClock) -> (u32, Pass) {
        for waited in 0.. {
            if let Some(pass) = breaker.admit() {
                return (waited, pass);
            }
            clock.advance(MILLISECOND);
        }
        unreachable!("there is always another millisecond")
    }

    #[test]
    fn a_crowd_that_finds_out_together_makes_one_pause() {
        let clock = ManualClock::at(jiff::Timestamp::UNIX_EPOCH);
        let breaker = Breaker::on(Arc::new(clock.clone()), Duration::from_secs(2));
        let crowd: Vec<Pass> = (0..10).map(|_| breaker.admit().unwrap()).collect();
        let news = crowd.iter().filter(|pass| breaker.open(**pass)).count();
        assert_eq!(news, 1);
        let (pause, trial) = waited(&breaker, &clock);
        assert_eq!(pause, 100);
        assert!(trial.is_trial && breaker.admit().is_none(), "one tries");
        assert_eq!(trial.patience(600 * MILLISECOND), 150 * MILLISECOND);
        assert_eq!(crowd[0].patience(600 * MILLISECOND), 600 * MILLISECOND);

        assert!(!breaker.open(trial), "it is no news that it is still away");
        let (pause, trial) = waited(&breaker, &clock);
        assert_eq!(pause, 200, "the next pause is longer");
        assert_eq!(trial.patience(600 * MILLISECOND), 300 * MILLISECOND, "and so is the patience");
        breaker.open(trial);
        let trial = waited(&breaker, &clock).1;
        assert_eq!(trial.patience(60_000 * MILLISECOND), 60_000 * MILLISECOND, "who takes that long is found");

        assert!(breaker.is_as_at(trial) && breaker.close() && !breaker.close());
        assert!(!breaker.is_as_at(trial) && !breaker.open(trial), "what was found before it closed is old");
        assert!(!breaker.admit().unwrap().is_trial && !breaker.admit().unwrap().is_trial);
    }
}
