//! The item that stands for a key, and what may be done with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::response::Response;
use base::clock::add;
use base::store::{Body, Item, Key, StoreError, When, Write};
use base::{Error, Principal, StoreExt, TenantId, key};
use http::StatusCode;
use jiff::Timestamp;
use uuid::Uuid;

use super::answer::{BODY_BYTES_MAX, Kept, small_body};
use super::{Asked, SHARDS, TABLE, busy, other_payload};
use crate::Kit;
use crate::arrival::Arrival;
use crate::register::Replay;

/// How long a request may run before a repeat takes it over.
const LEASE: Duration = Duration::from_secs(60);
/// How much longer a taker waits, since clocks differ.
const MARGIN: Duration = Duration::from_secs(2);
/// How long an answer is kept.
const KEEP: Duration = Duration::from_secs(24 * 3_600);

/// A key in our hands.
#[derive(Debug)]
pub(crate) struct Reservation {
    kit: Arc<Kit>,
    key: Key,
    fingerprint: String,
    token: String,
    /// The clock reading of the first request with this key.
    pub(crate) at: Timestamp,
    /// The seed of the ids that the operation makes.
    pub(crate) seed: Uuid,
    /// Whether the operation took the record into its own write.
    recorded: AtomicBool,
}

/// What became of an attempt to reserve.
pub(crate) enum Reserved {
    /// Run, with the reservation's reading and seed.
    Run(Reservation),
    /// It ran already: this was the answer.
    Replay(Response),
}

/// Reserves the key, or finds out what became of it.
///
/// # Errors
/// `Invalid` for another payload, `Conflict` while it runs, and what the store fails with.
pub(crate) async fn reserve(
    arrival: &Arrival,
    tenant: &TenantId,
    owner: Option<&Principal>,
    asked: Asked,
) -> base::Result<Reserved> {
    let owner = owner.map_or(asked.fingerprint.as_str(), Principal::as_str);
    let sort = key![owner, asked.key];
    let shard = u64::from(blake3::hash(sort.as_bytes()).as_bytes()[0]) % SHARDS;
    let fresh = Reservation {
        kit: Arc::clone(&arrival.kit),
        key: Key::new(TABLE, key![tenant, shard], sort),
        fingerprint: asked.fingerprint,
        token: Uuid::new_v4().to_string(),
        at: arrival.at,
        seed: Uuid::new_v4(),
        recorded: AtomicBool::new(false),
    };
    if fresh.take(When::Absent).await? { Ok(Reserved::Run(fresh)) } else { fresh.meet().await }
}

impl Reservation {
    /// The key is taken: replay, refuse, or take over.
    async fn meet(mut self) -> base::Result<Reserved> {
        let Some(item) = self.kit.store.get(self.key.clone()).await? else {
            return Err(busy(Duration::from_secs(1)));
        };
        if item.text("fingerprint") != Some(&self.fingerprint) {
            return Err(other_payload());
        }
        if let Some(kept) = &item.body.data {
            let kept: Kept = serde_json::from_str(kept).map_err(Error::internal)?;
            return Ok(Reserved::Replay(kept.replay()?));
        }
        let free = add(instant(&item, "until")?, MARGIN);
        let now = self.kit.clock.now();
        if let Ok(wait) = Duration::try_from(free.duration_since(now))
            && !wait.is_zero()
        {
            return Err(busy(wait));
        }
        self.at = instant(&item, "at")?;
        self.seed = item.text("seed").and_then(|seed| seed.parse().ok()).ok_or_else(|| damaged("seed"))?;
        if self.take(item.unchanged()).await? { Ok(Reserved::Run(self)) } else { Err(busy(LEASE)) }
    }

    /// Takes the key, if this holds of its item; says whether it is ours now.
    async fn take(&self, when: When) -> base::Result<bool> {
        match self.kit.store.write(vec![self.write(self.running(LEASE)).when(when)]).await {
            Ok(_) => Ok(true),
            Err(StoreError::Failed(_)) => Ok(false),
            // The answer was lost, and the token tells whose the key is.
            Err(lost @ StoreError::Unknown(_)) => match self.kit.store.get(self.key.clone()).await? {
                Some(item) => Ok(item.text("token") == Some(&self.token)),
                None => Err(lost.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Runs the work, holding the lease as long as it takes.
    pub(crate) async fn hold<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = self.kit.clock.sleep(LEASE / 3) => {}
            }
            // An operation that records the answer itself may be writing it at this moment.
            if !self.recorded.load(Ordering::Relaxed) {
                self.settle_as(self.running(LEASE), "extending").await;
            }
        }
    }

    /// Keeps the answer, or hands the key back so that a repeat computes it again.
    pub(crate) async fn settle(&self, response: Response, replay: Replay) -> Response {
        if self.recorded.load(Ordering::Relaxed) && response.status().is_success() {
            return response;
        }
        if !final_status(response.status()) || replay == Replay::Recomputed {
            self.settle_as(self.running(Duration::ZERO), "handing back").await;
            return response;
        }
        if replay == Replay::StatusOnly {
            self.settle_as(self.done(&Kept::status(response.status())), "recording").await;
            return response;
        }
        let (response, body) = small_body(response).await;
        match body {
            Some(body) => self.settle_as(self.done(&Kept::new(&response, &body)), "recording").await,
            None => self.settle_as(self.running(Duration::ZERO), "handing back").await,
        }
        response
    }

    /// The write that keeps this answer, for the operation's own transaction; `None` when it is
    /// too large to keep.
    pub(crate) fn record(&self, response: &http::Response<()>, body: &[u8]) -> Option<Write> {
        if body.len() > BODY_BYTES_MAX {
            return None;
        }
        self.recorded.store(true, Ordering::Relaxed);
        Some(self.write(self.done(&Kept::new(response, body))).when(self.mine()))
    }

    /// Writes what became of the key. Failing here is harmless: the lease ends by itself, and a
    /// repeat rewrites the same items.
    async fn settle_as(&self, body: Body, what: &str) {
        let write = self.write(body).when(self.mine());
        if let Err(error) = self.kit.store.write(vec![write]).await {
            tracing::warn!(%error, what, "a reservation of an Idempotency-Key was not updated");
        }
    }

    fn mine(&self) -> When {
        When::is("token", self.token.as_str())
    }

    fn write(&self, body: Body) -> Write {
        Write::put(self.key.clone(), body)
    }

    fn running(&self, lease: Duration) -> Body {
        let until = if lease.is_zero() { Timestamp::UNIX_EPOCH } else { add(self.kit.clock.now(), lease) };
        Body::default()
            .with("fingerprint", self.fingerprint.as_str())
            .with("token", self.token.as_str())
            .with("at", self.at.as_microsecond())
            .with("seed", self.seed.to_string())
            .with("until", until.as_microsecond())
            .expiring(add(self.at, KEEP))
    }

    /// The record has another token, so that nothing of this attempt can overwrite it.
    fn done(&self, kept: &Kept) -> Body {
        let mut body = self.running(Duration::ZERO).with("token", "");
        body.data = serde_json::to_string(kept).ok();
        body
    }
}

/// Whether a repeat should get this answer again. What may turn out better next time is not final.
fn final_status(status: StatusCode) -> bool {
    let again =
        [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    !status.is_server_error() && !again.contains(&status)
}

fn instant(item: &Item, field: &str) -> base::Result<Timestamp> {
    Timestamp::from_microsecond(item.int(field)).map_err(|_| damaged(field))
}

fn damaged(field: &str) -> Error {
    Error::internal(format!("a reservation without a readable {field}"))
}
