//! The way from many callers to a few threads: a bounded queue that is emptied in handfuls.
//!
//! A channel hands over one message at a time. Group commit wants all that is waiting, at once,
//! and wants to know when nothing is; so this is a deque under a mutex with a condition variable.
//! The mutex is held for a push or for a move, never while anything is done with a message.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Why a message was not taken in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// As many are waiting as may.
    Full,
    /// Nobody empties it any more.
    Closed,
}

pub(crate) struct Mailbox<T> {
    limit: usize,
    state: Mutex<State<T>>,
    arrived: Condvar,
}

struct State<T> {
    waiting: VecDeque<T>,
    open: bool,
    /// How many threads wait for messages: waking nobody costs a system call all the same.
    idle: usize,
}

impl<T> Mailbox<T> {
    /// An open one in which at most `limit` messages wait.
    pub(crate) fn new(limit: usize) -> Self {
        let state = State { waiting: VecDeque::new(), open: true, idle: 0 };
        Self { limit, state: Mutex::new(state), arrived: Condvar::new() }
    }

    /// Leaves a message.
    pub(crate) fn post(&self, message: T) -> Result<(), Refused> {
        let mut state = self.lock();
        if !state.open {
            return Err(Refused::Closed);
        }
        if state.waiting.len() >= self.limit {
            return Err(Refused::Full);
        }
        state.waiting.push_back(message);
        if state.idle > 0 {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Waits for a message and takes it with those behind it for as long as `more` says so. Takes
    /// none when `patience` ends first. `None` once the box is closed and empty.
    pub(crate) fn take(&self, patience: Duration, mut more: impl FnMut(&T) -> bool) -> Option<Vec<T>> {
        let mut state = self.lock();
        if state.waiting.is_empty() && state.open {
            state.idle += 1;
            let wait = self.arrived.wait_timeout_while(state, patience, |state| state.waiting.is_empty() && state.open);
            state = wait.unwrap_or_else(PoisonError::into_inner).0;
            state.idle -= 1;
        }
        if state.waiting.is_empty() {
            return state.open.then(Vec::new);
        }
        let mut taken = Vec::with_capacity(state.waiting.len().min(64));
        while let Some(message) = state.waiting.pop_front_if(|message| more(message) || taken.is_empty()) {
            taken.push(message);
        }
        Some(taken)
    }

    /// Takes no more messages in; those that wait are still delivered.
    pub(crate) fn close(&self) {
        self.lock().open = false;
        self.arrived.notify_all();
    }

    /// Closes it and gives back what nobody will deal with.
    pub(crate) fn abandon(&self) -> VecDeque<T> {
        self.close();
        std::mem::take(&mut self.lock().waiting)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
