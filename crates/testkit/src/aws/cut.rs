//! A service that is not there for a while.

use tokio::sync::watch;

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
        found != Cut::None
    }

    fn of(&self, service: Service) -> &watch::Sender<Cut> {
        match service {
            Service::Dynamo => &self.dynamo,
            Service::Sqs => &self.sqs,
        }
    }
}
