//! Whose web pages may call at all.
//!
//! A browser asks before it calls, and that question carries no key: so it is answered from the
//! origins of all tenants together, and the call itself from those of its tenant. The answer is a
//! list read some seconds ago; what this process adds is in it at once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::Result;

use super::Accounts;

/// The list is read again when it is older than this and somebody asks.
const READ_EVERY: Duration = Duration::from_secs(10);

/// The origins of all tenants, as read some seconds ago.
#[derive(Default)]
pub(super) struct Known(Mutex<Listed>);

#[derive(Default)]
struct Listed {
    origins: Arc<[String]>,
    read: Duration,
}

impl Accounts {
    /// The origins of all tenants; read again in the background when the list has aged.
    pub(crate) fn origins_known(&self) -> Arc<[String]> {
        let now = self.0.clock.monotonic();
        let (origins, aged) = {
            let mut listed = self.0.origins.listed();
            let aged = now.saturating_sub(listed.read) >= READ_EVERY;
            if aged {
                listed.read = now;
            }
            (Arc::clone(&listed.origins), aged)
        };
        if aged {
            let accounts = self.clone();
            self.0.beside.spawn(async move {
                if let Err(error) = accounts.origins_read().await {
                    tracing::warn!(%error, "the tenants' origins could not be read");
                }
            });
        }
        origins
    }

    /// Reads the origins of all tenants.
    pub(super) async fn origins_read(&self) -> Result<()> {
        let mut all = BTreeSet::new();
        let mut after = None;
        loop {
            let page = self.rows().tenants(after, 1_000).await?;
            all.extend(page.items.into_iter().flat_map(|tenant| tenant.settings.cors_origins));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let mut listed = self.0.origins.listed();
        listed.origins = all.into_iter().collect();
        listed.read = self.0.clock.monotonic();
        Ok(())
    }

    /// Adds what was just set here.
    pub(super) fn origins_add(&self, origins: &[String]) {
        let mut listed = self.0.origins.listed();
        let all: BTreeSet<_> = listed.origins.iter().chain(origins).cloned().collect();
        listed.origins = all.into_iter().collect();
    }
}

impl Known {
    // A std mutex: nothing is awaited while it is held.
    fn listed(&self) -> MutexGuard<'_, Listed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
