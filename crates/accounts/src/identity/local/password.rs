//! The slow hash of a password (Argon2id, RFC 9106), and how many run at once.
//!
//! A hash takes 19 MiB and some hundredth of a second on purpose; whoever can make us compute many has
//! found a way to stop us. So there are a few lanes, one hash at a time in each, some wait for a turn, and
//! the rest are told to come back. All that concerns one address goes through one lane, and a turn is
//! taken before the user is read and held until a failure was counted: of many guesses that arrive
//! together, each sees the failures of those before it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, Version};
use base::{Error, Result};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::identity::{Email, Password};

/// The parameters that OWASP recommends: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// So many lanes…
const LANES_OPEN: usize = 4;
/// …and so many that wait for a turn in any of them.
const WAITING_MAX: usize = 64;

/// What is kept of a password; it does not print itself.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct PasswordHash {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: [u8; 16],
    hash: [u8; 32],
}

/// Gives out turns.
pub(super) struct Hasher {
    lanes: [Arc<Semaphore>; LANES_OPEN],
    waiting: Semaphore,
}

/// The right to compute hashes for one address, one after the other. What computes holds it too: who
/// goes away before the hash is there has not ended it.
pub(super) struct Turn(Arc<OwnedSemaphorePermit>);

impl Hasher {
    pub(super) fn new() -> Self {
        Self { lanes: [(); LANES_OPEN].map(|()| Arc::new(Semaphore::new(1))), waiting: Semaphore::new(WAITING_MAX) }
    }

    /// Waits for a turn in the lane of an address.
    ///
    /// # Errors
    /// `Unavailable` when too many wait already.
    pub(super) async fn turn(&self, email: &Email) -> Result<Turn> {
        let busy = |_| Error::unavailable("too many passwords at once").with_retry_after(Duration::from_secs(1));
        let _waiting = self.waiting.try_acquire().map_err(busy)?;
        let byte = usize::from(blake3::hash(email.as_str().as_bytes()).as_bytes()[0]);
        self.lanes[byte % LANES_OPEN]
            .clone()
            .acquire_owned()
            .await
            .map(|permit| Turn(Arc::new(permit)))
            .map_err(Error::internal)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl PasswordHash {
    /// One that no password has.
    pub(super) fn nobodys() -> Self {
        let (salt, hash) = (rand::random(), rand::random());
        Self { memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES, salt, hash }
    }
}

impl Turn {
    /// The hash of a new password, under a salt of its own.
    pub(super) async fn hash(&self, password: &Password) -> Result<PasswordHash> {
        let salt: [u8; 16] = rand::random();
        let made = PasswordHash { memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES, salt, hash: [0; 32] };
        let hash = self.compute(made.clone(), password).await?;
        Ok(PasswordHash { hash, ..made })
    }

    /// Whether it is the password of this hash; where there is none, as slowly, no.
    pub(super) async fn verify(&self, kept: Option<&PasswordHash>, password: &Password) -> Result<bool> {
        let hash = self.compute(kept.cloned().unwrap_or_else(PasswordHash::nobodys), password).await?;
        Ok(kept.is_some_and(|kept| kept.hash.ct_eq(&hash).into()))
    }

    async fn compute(&self, of: PasswordHash, password: &Password) -> Result<[u8; 32]> {
        let (password, permit) = (password.clone(), Arc::clone(&self.0));
        let computing = tokio::task::spawn_blocking(move || {
            let params = Params::new(of.memory_kib, of.passes, of.lanes, None)?;
            let mut hash = [0; 32];
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let made = argon2.hash_password_into(password.expose().as_bytes(), &of.salt, &mut hash).map(|()| hash);
            drop(permit);
            made
        });
        computing.await.map_err(Error::internal)?.map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_does_not_print_itself() {
        assert_eq!(format!("{:?}", PasswordHash::nobodys()), "***");
    }
}
