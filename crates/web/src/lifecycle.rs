//! Whether the server is stopping: known to readiness first, then to whoever streams.

use tokio_util::sync::CancellationToken;

/// Shared by the serving loop, the health routes and the edge.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle(CancellationToken);

impl Lifecycle {
    /// From now on the server is not ready, and open streams end.
    pub fn stop(&self) {
        self.0.cancel();
    }

    /// Whether it is stopping.
    pub fn is_stopping(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Completes when it stops.
    pub async fn stopped(&self) {
        self.0.cancelled().await;
    }
}
