//! Log lines to CloudWatch Logs: one group, with a stream for each kind of line.
//!
//! A line is there when [`put`](LogGroup::put) returns; a call whose answer was lost is repeated, so
//! that a line may be there twice. Group and streams are made when they are missed; a group that is there
//! is not asked for, since who may only add to it may make streams and no groups. CloudWatch used to
//! ask for a sequence token with each batch and no longer looks at it, so none is kept. What it rejects
//! by its age is counted and gone: it would be rejected for ever.
//!
//! `batches` says what one call may hold.

mod batches;

use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::timeout::TimeoutConfig;
use aws_sdk_cloudwatchlogs::types::{InputLogEvent, RejectedLogEventsInfo};
use base::{Error, Result};

use crate::Aws;
use crate::aws::ATTEMPT_MAX;
use crate::patience::{self, Given};

pub use batches::LogEvent;

/// How long a call is tried; who has to wait longer comes back later.
const CALL_MAX: Duration = Duration::from_secs(10);

/// A group of CloudWatch Logs.
#[derive(Clone, Debug)]
pub struct LogGroup {
    client: Client,
    group: String,
}

impl LogGroup {
    /// A group that nobody has asked for yet.
    pub async fn connect(aws: &Aws, group: &str) -> Self {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_MAX).build();
        let config = aws_sdk_cloudwatchlogs::config::Builder::from(&aws.sdk_config().await).timeout_config(timeouts);
        Self { client: Client::from_conf(config.build()), group: group.to_owned() }
    }

    /// Adds events to a stream, in order of time; each that CloudWatch does not reject by its age is
    /// there on return.
    ///
    /// # Errors
    /// `Unavailable` when CloudWatch does not take them; any number of them may be there.
    pub async fn put(&self, stream: &str, events: Vec<LogEvent>) -> Result<()> {
        for batch in batches::batches(events) {
            let count = batch.len();
            let rejected = match self.put_batch(stream, &batch).await {
                Err(given) if is_missing(&given) => {
                    self.make(stream).await.map_err(unavailable)?;
                    self.put_batch(stream, &batch).await
                }
                answer => answer,
            };
            let rejected = rejected.map_err(unavailable)?.map_or(0, |info| rejected_of(&info, count));
            if rejected > 0 {
                metrics::counter!("freight_log_events_rejected_total").increment(rejected as u64);
                tracing::warn!(rejected, stream, "log events were rejected by their age");
            }
        }
        Ok(())
    }

    async fn put_batch(&self, stream: &str, batch: &[InputLogEvent]) -> Result<Option<RejectedLogEventsInfo>, Given> {
        let call = self.client.put_log_events().log_group_name(&self.group).log_stream_name(stream);
        let call = call.set_log_events(Some(batch.to_vec()));
        match patience::answer(CALL_MAX, || call.clone().send()).await {
            Ok(answer) => Ok(answer.rejected_log_events_info),
            // The attempt before, whose answer was lost.
            Err(Given::Refused(code, _)) if code == "DataAlreadyAcceptedException" => Ok(None),
            Err(given) => Err(given),
        }
    }

    /// Makes the stream, and before it the group if that is missing too.
    async fn make(&self, stream: &str) -> Result<(), Given> {
        match self.make_stream(stream).await {
            Err(given) if is_missing(&given) => {
                let group = self.client.create_log_group().log_group_name(&self.group);
                unless_there(patience::answer(CALL_MAX, || group.clone().send()).await)?;
                self.make_stream(stream).await
            }
            made => made,
        }
    }

    async fn make_stream(&self, stream: &str) -> Result<(), Given> {
        let call = self.client.create_log_stream().log_group_name(&self.group).log_stream_name(stream);
        unless_there(patience::answer(CALL_MAX, || call.clone().send()).await)
    }
}

fn is_missing(given: &Given) -> bool {
    matches!(given, Given::Refused(code, _) if code == "ResourceNotFoundException")
}

fn unless_there<T>(made: Result<T, Given>) -> Result<(), Given> {
    match made {
        Err(Given::Refused(code, _)) if code == "ResourceAlreadyExistsException" => Ok(()),
        made => made.map(drop),
    }
}

/// How many of a batch were rejected: too old or expired ones at its beginning, too new ones at its end.
fn rejected_of(info: &RejectedLogEventsInfo, count: usize) -> usize {
    let place = |index: Option<i32>| index.and_then(|index| usize::try_from(index).ok());
    let before = place(info.too_old_log_event_end_index).max(place(info.expired_log_event_end_index)).unwrap_or(0);
    let from = place(info.too_new_log_event_start_index).unwrap_or(count);
    count.saturating_sub(from) + before.min(from)
}

fn unavailable(given: Given) -> Error {
    Error::unavailable(match given {
        Given::Busy(what) | Given::Lost(what) => what,
        Given::Refused(code, what) => format!("{code}: {what}"),
    })
}
