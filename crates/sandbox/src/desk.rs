//! Where each call is numbered, refused when it comes too fast, and recorded before its answer
//! leaves.
//!
//! A stand-in asks [`Desk::admit`], makes its answer of the number it got, and hands it to
//! [`Desk::reply`]; it has no other way to reach the caller.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use base::Clock;
use bytes::Bytes;

use crate::Error;
use crate::answer::Answer;
use crate::config::{Behaviour, Config};
use crate::dice::Dice;
use crate::fault::Fault;
use crate::journal::{Class, Entry, Journal, Stats};
use crate::rate::Window;

/// What all stand-ins share.
pub(crate) struct Desk {
    clock: Arc<dyn Clock>,
    config: Config,
    // A std mutex, since nothing is awaited while it is held; an append to the journal's file is
    // a copy into the page cache.
    state: Mutex<State>,
}

struct State {
    behaviour: Behaviour,
    last_n: u64,
    window: Window,
    journal: Journal,
    stats: Stats,
}

/// A call that came in.
pub(crate) struct Call {
    pub(crate) path: &'static str,
    pub(crate) size: Option<String>,
}

/// A call that may be answered: its number, and the behaviour of the moment it came.
pub(crate) struct Ticket {
    pub(crate) n: u64,
    pub(crate) behaviour: Behaviour,
}

impl Ticket {
    /// Randomness for one purpose.
    pub(crate) fn dice(&self, purpose: &str) -> Dice {
        Dice::new(self.behaviour.seed, self.n, purpose)
    }

    /// The fault of this call, or none.
    pub(crate) fn fault(&self) -> Option<Fault> {
        Fault::draw(&self.behaviour.faults, &mut self.dice("fault"))
    }

    fn latency(&self) -> Duration {
        let jitter_ms = self.dice("latency").below(self.behaviour.jitter_ms + 1);
        Duration::from_millis(self.behaviour.latency_ms + jitter_ms)
    }
}

impl Desk {
    pub(crate) fn open(config: Config, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        config.check()?;
        let journal = Journal::open(config.journal.as_deref(), config.journal_lines_max)
            .map_err(|source| journal_error(&config, source))?;
        let behaviour = config.behaviour.clone();
        let state = State { behaviour, last_n: 0, window: Window::default(), journal, stats: Stats::default() };
        Ok(Self { clock, config, state: Mutex::new(state) })
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Numbers a call, or refuses it: a refused call takes no number, so that what is answered
    /// does not depend on how fast it was asked.
    pub(crate) fn admit(&self) -> Result<Ticket, Answer> {
        let now = self.clock.monotonic();
        let mut state = self.lock();
        if let Some(calls_per_min) = state.behaviour.calls_per_min
            && let Err(wait) = state.window.admit(calls_per_min, now)
        {
            let seconds = wait.as_millis().div_ceil(1_000).max(1);
            return Err(Answer::too_many(Class::RateLimited, u64::try_from(seconds).unwrap_or(u64::MAX)));
        }
        state.last_n += 1;
        Ok(Ticket { n: state.last_n, behaviour: state.behaviour.clone() })
    }

    /// Counts a call that came in.
    pub(crate) fn count(&self) {
        self.lock().stats.calls += 1;
    }

    /// Waits out the latency, records the answer, then gives it away to be sent.
    pub(crate) async fn reply(&self, call: Call, ticket: Option<Ticket>, answer: Answer) -> Response<Body> {
        if let Some(ticket) = &ticket {
            self.clock.sleep(ticket.latency()).await;
        }
        let slow_body_ms = ticket.as_ref().map_or(0, |ticket| ticket.behaviour.slow_body_ms);
        match self.record(call, ticket.map(|ticket| ticket.n), &answer) {
            Ok(()) => answer.send(&self.clock, Duration::from_millis(slow_body_ms)),
            Err(error) => defect(&error),
        }
    }

    /// A call that is not recorded must not be answered with records: the journal would lie.
    fn record(&self, call: Call, n: Option<u64>, answer: &Answer) -> io::Result<()> {
        let entry = Entry {
            seq: 0,
            n,
            at: self.clock.now(),
            path: call.path,
            size: call.size,
            class: answer.class,
            broken: matches!(answer.class, Class::Fault(_)),
            status: answer.status_sent(),
            records: answer.records.clone(),
            malformed: answer.malformed,
            body_bytes: answer.body.len(),
            body_blake3: blake3::hash(&answer.body).to_hex().to_string(),
        };
        let mut state = self.lock();
        state.journal.append(entry)?;
        state.stats.answered += 1;
        state.stats.records += answer.records.len() as u64;
        state.stats.malformed += answer.malformed as u64;
        *state.stats.by_class.entry(answer.class.as_str()).or_default() += 1;
        Ok(())
    }

    pub(crate) fn behaviour(&self) -> Behaviour {
        self.lock().behaviour.clone()
    }

    /// Behaves so from the next call on; the numbering goes on.
    pub(crate) fn behave(&self, behaviour: Behaviour) -> Result<(), Error> {
        behaviour.check()?;
        self.lock().behaviour = behaviour;
        Ok(())
    }

    /// Everything as it was at the start, with an empty journal.
    pub(crate) fn reset(&self) -> Result<(), Error> {
        let mut state = self.lock();
        state.journal.clear().map_err(|source| journal_error(&self.config, source))?;
        state.behaviour = self.config.behaviour.clone();
        state.last_n = 0;
        state.window = Window::default();
        state.stats = Stats::default();
        Ok(())
    }

    pub(crate) fn stats(&self) -> Stats {
        self.lock().stats.clone()
    }

    pub(crate) fn journal_from(&self, seq: u64) -> Result<Vec<Bytes>, u64> {
        self.lock().journal.from(seq)
    }

    // Every change under the lock is complete before anything in it can panic: poison says nothing.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn journal_error(config: &Config, source: io::Error) -> Error {
    Error::Journal { path: config.journal.clone().unwrap_or_default(), source }
}

/// The sandbox itself is broken, which is no fault on purpose.
pub(crate) fn defect(error: &dyn std::error::Error) -> Response<Body> {
    tracing::error!(%error, "the sandbox could not answer");
    let mut response = Response::new(Body::from("the sandbox could not answer; its log says why\n"));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}
