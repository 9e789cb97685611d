//! Importers: threads that post rows, piece after piece, and know what was acknowledged.
//!
//! A piece is acknowledged when it was answered with 207 and all its rows saved. One whose answer
//! was lost is unknown, and is sent again in the server's next life; one that was acknowledged
//! never is, so what is lost of it stays lost. Each piece also moves some rows of the one before
//! it to another place in the order.
//!
//! The [`Gate`] keeps importers and killer in step: after a kill everybody waits for the next life,
//! and says whether the kill broke a piece off that had been sent.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::http::Client;

/// Where rows go.
pub(super) const DATASET: &str = "flights";
/// Rows that a piece adds.
pub(super) const ADDED: u64 = 32;
/// Rows of the piece before it that a piece moves.
pub(super) const MOVED: u64 = 8;
/// How long importers may take to notice that the server is gone.
const NOTICE_MAX: Duration = Duration::from_secs(60);

/// How long a kill waits for a piece that is under way.
const SENT_MAX: Duration = Duration::from_secs(5);

/// Where importers wait while there is no server.
#[derive(Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// How many times the server was killed and came back.
    life: u64,
    killed_at: Option<Instant>,
    /// Pieces under way.
    sent: usize,
    waiting: usize,
    broken: usize,
    over: bool,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server is about to be killed.
    pub(super) fn fall(&self) {
        self.lock().killed_at = Some(Instant::now());
    }

    /// Waits until all importers have noticed; says how many had sent a piece before the kill.
    pub(super) fn noticed(&self, importers: usize) -> Result<usize> {
        let waits = self.changed.wait_timeout_while(self.lock(), NOTICE_MAX, |state| state.waiting < importers);
        let (state, timeout) = waits.unwrap_or_else(PoisonError::into_inner);
        ensure!(!timeout.timed_out(), "an importer does not notice that the server is gone");
        Ok(state.broken)
    }

    /// Waits until an import is under way, at most some seconds: a kill between two shows little.
    pub(super) fn until_one_is_sent(&self) {
        let waits = |state: &mut State| state.sent == 0;
        drop(self.changed.wait_timeout_while(self.lock(), SENT_MAX, waits).unwrap_or_else(PoisonError::into_inner));
    }

    /// One more piece is under way, or one less.
    fn sent(&self, under_way: bool) {
        let mut state = self.lock();
        state.sent = if under_way { state.sent + 1 } else { state.sent.saturating_sub(1) };
        self.changed.notify_all();
    }

    /// The server is back.
    pub(super) fn rise(&self) {
        let mut state = self.lock();
        *state = State { life: state.life + 1, over: state.over, ..State::default() };
        self.changed.notify_all();
    }

    /// Nothing more is to be imported.
    pub(super) fn close(&self) {
        self.lock().over = true;
    }

    /// An importer lost its server, with a piece that was sent at this time.
    fn broken(&self, sent_at: Option<Instant>) -> Result<()> {
        let mut state = self.lock();
        let Some(killed_at) = state.killed_at else { bail!("the server failed without being killed") };
        state.waiting += 1;
        state.broken += usize::from(sent_at.is_some_and(|at| at < killed_at));
        self.changed.notify_all();
        let life = state.life;
        drop(self.changed.wait_while(state, |state| state.life == life).unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }
}

/// A row: which importer's, which one of it, and whether it has been moved.
pub(super) struct Row {
    pub(super) importer: u64,
    pub(super) n: u64,
    pub(super) moved: bool,
}

impl Row {
    fn time_hour(&self) -> String {
        format!("2013-{:02}-{:02}T{:02}:00:00Z", 1 + self.n / 672 % 12, 1 + self.n / 24 % 28, self.n % 24)
    }

    /// What the rows are ordered by.
    fn dep_delay(&self) -> i64 {
        let drawn = self.n.wrapping_mul(7_919) + if self.moved { 1_543 } else { 0 };
        i64::try_from(drawn % 2_000).unwrap_or(0) - 1_000
    }

    /// Missing in one of eleven.
    fn tailnum(&self) -> Option<String> {
        (!self.n.is_multiple_of(11)).then(|| format!("N{}", self.n))
    }

    fn csv(&self) -> String {
        let tailnum = self.tailnum().unwrap_or_else(|| "NA".to_owned());
        format!("{},K{},{},{},{tailnum}\n", self.time_hour(), self.importer, self.n, self.dep_delay())
    }

    /// What it is as a record.
    pub(super) fn record(&self) -> Value {
        let mut record = json!({
            "time_hour": self.time_hour(),
            "carrier": format!("K{}", self.importer),
            "flight": self.n.to_string(),
            "dep_delay": self.dep_delay(),
        });
        if let Some(tailnum) = self.tailnum() {
            record["tailnum"] = tailnum.into();
        }
        record
    }
}

/// One importer.
pub(super) struct Importer {
    pub(super) number: u64,
    pub(super) client: Client,
    pub(super) gate: Arc<Gate>,
}

impl Importer {
    /// Imports until the gate closes; returns how many pieces were acknowledged, all in order.
    pub(super) fn run(mut self) -> Result<u64> {
        let mut pieces = 0;
        while !self.gate.lock().over {
            let mut sent_at = None;
            match self.import(pieces, &mut sent_at) {
                Ok(answer) => {
                    let report: Value = answer.json(207)?;
                    let rows = ADDED + if pieces > 0 { MOVED } else { 0 };
                    ensure!(report["saved"] == rows && report["failed"] == 0, "not all saved: {report}");
                    pieces += 1;
                }
                Err(error) => self.gate.broken(sent_at).context(error)?,
            }
        }
        Ok(pieces)
    }

    fn import(&mut self, piece: u64, sent_at: &mut Option<Instant>) -> Result<crate::http::Answer> {
        let path = format!("/api/v1/datasets/{DATASET}/import?types=dep_delay:integer");
        self.client.send("POST", &path, "text/csv", self.piece(piece).as_bytes())?;
        *sent_at = Some(Instant::now());
        self.gate.sent(true);
        let answer = self.client.receive();
        self.gate.sent(false);
        answer
    }

    fn piece(&self, piece: u64) -> String {
        let row = |n, moved| Row { importer: self.number, n, moved }.csv();
        let first = piece * ADDED;
        let added = (first..first + ADDED).map(|n| row(n, false));
        let before = first.checked_sub(ADDED);
        let moved = before.into_iter().flat_map(|before| (before..before + MOVED).map(|n| row(n, true)));
        let header = "time_hour,carrier,flight,dep_delay,tailnum\n".to_owned();
        std::iter::once(header).chain(added).chain(moved).collect()
    }
}

/// What must be there when so many pieces of an importer were acknowledged, and no more were sent.
pub(super) fn expected(importer: u64, pieces: u64) -> impl Iterator<Item = Row> {
    let moved = move |n: u64| n % ADDED < MOVED && n / ADDED + 1 < pieces;
    (0..pieces * ADDED).map(move |n| Row { importer, n, moved: moved(n) })
}
