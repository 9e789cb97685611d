//! A service that is not there for a while, or slow.

use std::time::Duration;

use tokio::sync::watch;

/// How long a slow service takes.
pub const LAG: Duration = Duration::from_secs(1);

/// What can be cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The store.
    Dynamo,
    /// The queue.
    Sqs,
}

/// How a service is cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cut {
    /// It is not.
    #[default]
    None,
    /// Its connections are closed.
    Closed,
    /// It takes requests and says nothing, ever.
    Silent,
    /// It takes [`LAG`] for whatever it does.
    Slow,
}

#[derive(Debug, Default)]
pub(super) struct Cuts {
    dynamo: watch::Sender<Cut>,
    sqs: watch::Sender<Cut>,
}

impl Cuts {
    pub(super) fn set(&self, service: Service, cut: Cut) {
        self.of(service).send_replace(cut);
    }

    /// Whether a request is not to be answered: says so at once, or when the service is restored.
    pub(super) async fn bars(&self, service: Service) -> bool {
        let mut cut = self.of(service).subscribe();
        let found = *cut.borrow_and_update();
        if found == Cut::Silent {
            // Its sender lives as long as the shim.
            drop(cut.changed().await);
        }
        matches!(found, Cut::Closed | Cut::Silent)
    }

    /// Waits as long as a slow service does.
    pub(super) async fn lag(&self, service: Service) {
        if *self.of(service).borrow() == Cut::Slow {
            tokio::time::sleep(LAG).await;
        }
    }

    fn of(&self, service: Service) -> &watch::Sender<Cut> {
        match service {
            Service::Dynamo => &self.dynamo,
            Service::Sqs => &self.sqs,
        }
    }
}
