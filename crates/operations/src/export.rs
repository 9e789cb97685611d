//! Log lines and dead letters, taken elsewhere: to whatever implements [`Lines`] and [`Letters`].
//!
//! The engine keeps what is to be taken in its outbox, written with the line or the letter itself; one
//! task, `operations.export`, goes through the tenants that have something, hands it out in pages, and
//! removes what was taken. Where the other side is away, everything waits in the store, bounded by the
//! retention of each tenant, and is taken later; no request and no other task ever waits for it.
//!
//! Running the task twice is harmless: what it hands out carries its own id, and whoever takes it is
//! promised *at least once*, in order of time within each page. The task never ends: a run is one round,
//! and asks to be run again.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use base::{Error, Result, TenantId};
use jiff::Timestamp;
use jobs::{Class, Done, Engine, Failure, LogLine, NewTask, OnTaken, Outbox, Registry, Run, Stream, TaskKind, Waiting};

use crate::http::exported;

/// The kind of the task.
pub const EXPORT: &str = "operations.export";
/// So many lines or letters are handed out at once.
const PAGE: usize = 500;
/// After so many pages of one tenant the next one has its turn.
const PAGES_MAX: usize = 20;
/// After so many tenants in a row of whom lines were refused, who takes lines is thought to be away; the
/// same for letters.
const REFUSALS_MAX: usize = 3;
/// How long the other side is left alone when it took nothing.
const AWAY: Duration = Duration::from_secs(30);

/// Takes log lines.
#[async_trait]
pub trait Lines: fmt::Debug + Send + Sync + 'static {
    /// Takes lines of one stream, in order of time, each a JSON object. On return all are taken for good.
    ///
    /// # Errors
    /// Anything: then they are offered again.
    async fn take(&self, stream: Stream, lines: Vec<(Timestamp, String)>) -> Result<()>;
}

/// Takes dead letters.
#[async_trait]
pub trait Letters: fmt::Debug + Send + Sync + 'static {
    /// Takes letters, each a JSON object of less than 256 KB. On return all are taken for good.
    ///
    /// # Errors
    /// Anything: then they are offered again.
    async fn take(&self, letters: Vec<String>) -> Result<()>;
}

/// What is taken where, and how often.
#[derive(Debug)]
pub struct Export {
    /// Who takes log lines, if anybody.
    pub lines: Option<Arc<dyn Lines>>,
    /// Who takes dead letters, if anybody.
    pub letters: Option<Arc<dyn Letters>>,
    /// How long one round waits for the next.
    pub every: Duration,
    engine: OnceLock<Weak<Engine>>,
    /// Behind whom the next round begins.
    last: Mutex<Option<TenantId>>,
}

impl Export {
    /// Takes nothing until it is [started](Self::start).
    pub fn new(lines: Option<Arc<dyn Lines>>, letters: Option<Arc<dyn Letters>>, every: Duration) -> Arc<Self> {
        Arc::new(Self { lines, letters, every, engine: OnceLock::new(), last: Mutex::default() })
    }

    /// What the engine has to keep for it: its setting of this name.
    pub fn outbox(&self) -> Outbox {
        Outbox { lines: self.lines.is_some(), letters: self.letters.is_some() }
    }

    /// Teaches the engine the task, unless there is nothing to do for it.
    pub fn register(self: &Arc<Self>, registry: &mut Registry) {
        if self.outbox() != Outbox::default() {
            registry.task(Arc::new(Rounds(Arc::clone(self))));
        }
    }

    /// Makes sure that the task is there. It belongs to the platform, and there is one, however many
    /// processes ask for it.
    ///
    /// # Errors
    /// What the store says.
    pub async fn start(&self, engine: &Arc<Engine>) -> Result<()> {
        self.engine.get_or_init(|| Arc::downgrade(engine));
        if self.outbox() == Outbox::default() {
            return Ok(());
        }
        let unique = Some(("rounds".to_owned(), OnTaken::Join));
        let task = NewTask { unique, ..NewTask::new(EXPORT, "{}".to_owned()) };
        engine.task_enqueue(&TenantId::SYSTEM.parse()?, task, Vec::new()).await.map(drop)
    }

    /// Goes once through all tenants. What is not taken of one must not hold up those behind it, nor
    /// lines letters; who takes nothing of several in a row is asked again in the next round, and that
    /// one begins behind them.
    async fn round(&self, engine: &Engine, run: &Run) -> Result<()> {
        let mut tenants = engine.outbox_tenants().await?;
        if let Some(last) = &*lock(&self.last) {
            let begin = tenants.partition_point(|tenant| tenant.what <= *last);
            tenants.rotate_left(begin);
        }
        let (mut lines, mut letters) = (Taker::default(), Taker::default());
        for tenant in tenants {
            if run.cancelled().is_cancelled() || (lines.is_away() && letters.is_away()) {
                break;
            }
            let (name, both) = (tenant.what.clone(), !lines.is_away() && !letters.is_away());
            let taken = (
                lines.take(&name, self.lines_of(engine, &name)).await,
                letters.take(&name, self.letters_of(engine, &name)).await,
            );
            if both {
                *lock(&self.last) = Some(name);
            }
            if taken == (Some(0), Some(0)) {
                engine.outbox_unmark(tenant).await?;
            }
        }
        lines.end().and(letters.end())
    }

    /// Hands out a tenant's lines; returns how many.
    async fn lines_of(&self, engine: &Engine, tenant: &TenantId) -> Result<usize> {
        let Some(lines) = &self.lines else { return Ok(0) };
        let mut taken = 0;
        for _ in 0..PAGES_MAX {
            let waiting = engine.outbox_lines(tenant, PAGE).await?;
            for stream in Stream::ALL {
                let texts = texts(tenant, &waiting, *stream)?;
                if !texts.is_empty() {
                    lines.take(*stream, texts).await?;
                }
            }
            engine.outbox_done(&waiting).await?;
            metrics::counter!("freight_exported_total", "what" => "lines").increment(waiting.len() as u64);
            taken += waiting.len();
            if waiting.len() < PAGE {
                break;
            }
        }
        Ok(taken)
    }

    /// The same for its dead letters.
    async fn letters_of(&self, engine: &Engine, tenant: &TenantId) -> Result<usize> {
        let Some(letters) = &self.letters else { return Ok(0) };
        let waiting = engine.outbox_letters(tenant, PAGE).await?;
        if waiting.is_empty() {
            return Ok(0);
        }
        let texts = waiting.iter().map(|letter| exported::letter(tenant, letter.what.clone()));
        letters.take(texts.collect::<Result<_>>()?).await?;
        engine.outbox_done(&waiting).await?;
        metrics::counter!("freight_exported_total", "what" => "letters").increment(waiting.len() as u64);
        Ok(waiting.len())
    }
}

/// Who takes lines, or letters, as one round finds them.
#[derive(Debug, Default)]
struct Taker {
    /// Of so many tenants in a row it took nothing that it was offered.
    refusals: usize,
    refused: Option<Error>,
}

impl Taker {
    fn is_away(&self) -> bool {
        self.refusals >= REFUSALS_MAX
    }

    /// Lets it take what a tenant has, and says how much that was; `None` = it was refused, or not
    /// offered to one who is away.
    async fn take(&mut self, tenant: &TenantId, taking: impl Future<Output = Result<usize>>) -> Option<usize> {
        if self.is_away() {
            return None;
        }
        match taking.await {
            Ok(0) => Some(0),
            Ok(taken) => {
                self.refusals = 0;
                Some(taken)
            }
            Err(error) => {
                tracing::warn!(%error, %tenant, "lines or letters were not taken");
                self.refusals += 1;
                self.refused = Some(error);
                None
            }
        }
    }

    /// The last refusal of one who is away.
    fn end(self) -> Result<()> {
        match self.refused {
            Some(error) if self.refusals >= REFUSALS_MAX => Err(error),
            _ => Ok(()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lines of one stream, in the order in which they wait: that of time.
fn texts(tenant: &TenantId, waiting: &[Waiting<LogLine>], stream: Stream) -> Result<Vec<(Timestamp, String)>> {
    let own = waiting.iter().filter(|waiting| waiting.what.stream == stream);
    own.map(|line| Ok((line.what.at, exported::line(tenant, line.what.clone())?))).collect()
}

/// The task.
struct Rounds(Arc<Export>);

#[async_trait]
impl TaskKind for Rounds {
    fn name(&self) -> &'static str {
        EXPORT
    }

    async fn run(&self, run: &Run) -> Result<Done, Failure> {
        let engine = self.0.engine.get().and_then(Weak::upgrade);
        let engine = engine.ok_or_else(|| Failure::new(Class::Abandoned, "the process stops"))?;
        let pause = match self.0.round(&engine, run).await {
            Ok(()) => self.0.every,
            Err(error) => {
                tracing::warn!(%error, "log lines or dead letters cannot be taken elsewhere now");
                self.0.every.max(AWAY)
            }
        };
        Err(Failure::new(Class::Again(pause), "to be continued"))
    }
}
