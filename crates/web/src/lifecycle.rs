//! Whether the server is stopping: known to readiness first, then to whoever streams.

use tokio::sync::watch;

/// Shared by the serving loop, the health routes and the edge.
#[derive(Clone, Debug)]
pub struct Lifecycle(watch::Sender<bool>);

impl Lifecycle {
    /// A server that runs.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// From now on the server is not ready, and open streams end.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Whether it is stopping.
    pub fn is_stopping(&self) -> bool {
        *self.0.borrow()
    }

    /// Completes when it stops.
    pub async fn stopped(&self) {
        let mut stopping = self.0.subscribe();
        if stopping.wait_for(|stopping| *stopping).await.is_err() {
            // Whoever could have stopped the server is gone, and so is the server.
        }
    }
}
