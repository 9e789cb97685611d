//! Chance, and what it did.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// How likely each fault is, from 0 to 1, for each request that it can befall. The default is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Odds {
    /// A batch is done in part, the rest handed back.
    pub unprocessed: f64,
    /// A request is refused for its rate.
    pub throttled: f64,
    /// A write is refused for somebody else's transaction.
    pub conflict: f64,
    /// The answer is 500, and nothing was done.
    pub failed: f64,
    /// All was done, and the connection ends without an answer.
    pub lost: f64,
    /// A page of a query is empty, and goes on.
    pub empty_page: f64,
    /// The token of a transaction is forgotten. AWS does not do that: it is for a test that has to
    /// show that it would notice.
    pub forgotten: f64,
    /// A message is delivered, and will be again.
    pub duplicate: f64,
    /// Messages come in another order.
    pub reordered: f64,
    /// A message is delivered with a later poll.
    pub late: f64,
    /// Messages that are there are not delivered this time.
    pub empty_poll: f64,
}

impl Odds {
    /// The bad day that every adapter has to stand.
    pub const BAD_DAY: Self = Self {
        unprocessed: 0.3,
        throttled: 0.1,
        conflict: 0.1,
        failed: 0.05,
        lost: 0.05,
        empty_page: 0.2,
        forgotten: 0.0,
        duplicate: 0.2,
        reordered: 0.3,
        late: 0.2,
        empty_poll: 0.3,
    };
}

/// How often each fault has fired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fired {
    /// Batches of reads done in part.
    pub unprocessed_reads: u64,
    /// Batches of writes done in part.
    pub unprocessed_writes: u64,
    /// Requests refused for their rate.
    pub throttled: u64,
    /// Writes refused for a conflict that was made up.
    pub conflicts: u64,
    /// Writes refused since they did overlap with another.
    pub overlaps: u64,
    /// Requests answered with 500.
    pub failed: u64,
    /// Of these, writes of items.
    pub failed_writes: u64,
    /// Requests that were done and not answered.
    pub lost: u64,
    /// Of these, writes of items.
    pub lost_writes: u64,
    /// Transactions whose token had been seen, answered as the first time.
    pub replayed: u64,
    /// Empty pages.
    pub empty_pages: u64,
    /// Messages delivered twice.
    pub duplicates: u64,
    /// Deliveries in another order.
    pub reordered: u64,
    /// Messages delivered with a later poll.
    pub late: u64,
    /// Polls that were kept empty.
    pub empty_polls: u64,
}

/// What is to become of one request, as far as it can.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    pub(super) unprocessed: bool,
    pub(super) throttled: bool,
    pub(super) conflict: bool,
    pub(super) failed: bool,
    pub(super) lost: bool,
    pub(super) empty_page: bool,
    pub(super) forgotten: bool,
    pub(super) duplicate: bool,
    pub(super) reordered: bool,
    pub(super) late: bool,
    pub(super) empty_poll: bool,
    /// Where, among several: from 0 to below 1.
    pub(super) share: f64,
}

#[derive(Debug)]
pub(super) struct Dice(Mutex<Table>);

#[derive(Debug)]
struct Table {
    rng: StdRng,
    odds: Odds,
    fired: Fired,
}

impl Dice {
    pub(super) fn new(seed: u64, odds: Odds) -> Self {
        Self(Mutex::new(Table { rng: StdRng::seed_from_u64(seed), odds, fired: Fired::default() }))
    }

    pub(super) fn set(&self, odds: Odds) {
        self.table().odds = odds;
    }

    pub(super) fn fired(&self) -> Fired {
        self.table().fired
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut Fired) -> &mut u64) {
        *count(&mut self.table().fired) += 1;
    }

    pub(super) fn draw(&self) -> Fate {
        let mut table = self.table();
        let odds = table.odds;
        let mut falls = |odds: f64| table.rng.random_bool(odds);
        Fate {
            unprocessed: falls(odds.unprocessed),
            throttled: falls(odds.throttled),
            conflict: falls(odds.conflict),
            failed: falls(odds.failed),
            lost: falls(odds.lost),
            empty_page: falls(odds.empty_page),
            forgotten: falls(odds.forgotten),
            duplicate: falls(odds.duplicate),
            reordered: falls(odds.reordered),
            late: falls(odds.late),
            empty_poll: falls(odds.empty_poll),
            share: table.rng.random(),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
