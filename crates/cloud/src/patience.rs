//! Trying again: with jitter, up to a deadline, and remembering whether an answer was lost.
//!
//! The waits pass on the machine's clock, also where a test owns the clock that items expire by:
//! what they wait for is another machine.

use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use base::Clock as _;
use base::clock::SystemClock;

use crate::aws::Trouble;

/// No wait is longer than this at first, and each may be twice as long as the one before.
const WAIT_FIRST: Duration = Duration::from_millis(20);
const WAIT_MAX: Duration = Duration::from_millis(320);
/// How long a call is tried before its caller is told.
pub(crate) const CALL_MAX: Duration = Duration::from_secs(12);

/// Repeats a call that may be made any number of times until it is answered, for as long as `within`.
///
/// # Errors
/// When it is given up.
pub(crate) async fn answer<T, E, F>(within: Duration, call: impl Fn() -> F) -> Result<T, Given>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    F: Future<Output = Result<T, SdkError<E>>>,
{
    let mut patience = Patience::of(within);
    loop {
        match call().await {
            Ok(answer) => return Ok(answer),
            // The last answer tells, whatever was lost before.
            Err(error) => match Trouble::of(&error) {
                Trouble::Refused(code, said) => return Err(Given::Refused(code, said)),
                trouble => patience.bear(trouble).await?,
            },
        }
    }
}

/// One call's patience.
pub(crate) struct Patience {
    clock: SystemClock,
    wait_max: Duration,
    until: Duration,
    lost: bool,
}

/// Why a call is not tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// Nothing was applied; it may be, later.
    Busy(String),
    /// The last answer, or one before it, was lost.
    Lost(String),
    /// Nothing was applied: the code, and what was said.
    Refused(String, String),
}

impl Patience {
    /// A call that begins now, and is tried for as long as any.
    pub(crate) fn new() -> Self {
        Self::of(CALL_MAX)
    }

    /// A call that begins now, and is tried for this long.
    pub(crate) fn of(until: Duration) -> Self {
        Self { clock: SystemClock::new(), wait_max: WAIT_FIRST, until, lost: false }
    }

    /// Whether an answer was lost, so that the call may have been applied.
    pub(crate) fn lost(&self) -> bool {
        self.lost
    }

    /// What was lost is known now.
    pub(crate) fn found(&mut self) {
        self.lost = false;
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) async fn bear(&mut self, trouble: Trouble) -> Result<(), Given> {
        let given = match trouble {
            Trouble::Refused(code, said) if self.lost => return Err(Given::Lost(format!("{code}: {said}"))),
            Trouble::Refused(code, said) => return Err(Given::Refused(code, said)),
            Trouble::Gone(what) => return Err(Given::Lost(what)),
            Trouble::Lost(what) => {
                self.lost = true;
                Given::Lost(what)
            }
            Trouble::Later(what) if self.lost => Given::Lost(what),
            Trouble::Later(what) => Given::Busy(what),
        };
        if self.clock.monotonic() >= self.until {
            return Err(given);
        }
        metrics::counter!("freight_cloud_retries_total").increment(1);
        // Full jitter: of many who were refused together, some come back at once and alone.
        self.clock.sleep(rand::random_range(Duration::ZERO..=self.wait_max)).await;
        self.wait_max = (self.wait_max * 2).min(WAIT_MAX);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who finds out that nobody is there would be the one who tries after a pause, again and again.
    #[tokio::test]
    async fn who_finds_nobody_there_does_not_try_again() {
        let mut patience = Patience::new();
        let gone = patience.bear(Trouble::Gone("nobody".to_owned())).await;
        assert_eq!(gone, Err(Given::Lost("nobody".to_owned())));
        patience.bear(Trouble::Lost("cut".to_owned())).await.unwrap();
    }
}
