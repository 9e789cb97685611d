//! Whether the store may still be written to.
//!
//! After a failed fsync the kernel may have dropped the very pages it could not write, and a
//! second fsync would succeed over the hole. So the first commit whose outcome is not known
//! poisons the store for the rest of the process: no write is tried again, and whoever runs the
//! process awaits [`Health::poisoned`] and exits, not with zero. Opening the file afresh reads
//! back what really is on the disk.

use base::store::StoreError;
use tokio::sync::watch;

pub(crate) struct Health {
    poison: watch::Sender<Option<String>>,
}

impl Health {
    pub(crate) fn new() -> Self {
        Self { poison: watch::Sender::new(None) }
    }

    /// The first reason stays.
    pub(crate) fn poison(&self, why: &str) {
        tracing::error!(why, "the store is poisoned: nothing more is written, restart the process");
        self.poison.send_if_modified(|poison| {
            let first = poison.is_none();
            if first {
                *poison = Some(why.to_owned());
            }
            first
        });
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.poison.borrow().is_some()
    }

    /// Refuses when poisoned.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match &*self.poison.borrow() {
            Some(why) => Err(StoreError::Unavailable(format!("poisoned: {why}"))),
            None => Ok(()),
        }
    }

    /// Waits until the store is poisoned, and says why.
    pub(crate) async fn poisoned(&self) -> String {
        let mut poison = self.poison.subscribe();
        match poison.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            // The sender is ours: it outlives the wait.
            Err(_) => std::future::pending().await,
        }
    }
}
