//! The queues themselves: which are missing, and making them.

use aws_sdk_sqs::error::{DisplayErrorContext, ProvideErrorMetadata as _};
use aws_sdk_sqs::types::QueueAttributeName;
use base::{Error, Result};

use super::{SqsQueue, within};
use crate::aws::ATTEMPT_MAX;

/// A ring that was heard and not done rings again after this.
const VISIBILITY_S: &str = "30";

impl SqsQueue {
    /// The full names of the queues that are missing.
    ///
    /// # Errors
    /// When SQS cannot be asked.
    pub async fn queues_missing(&self) -> Result<Vec<String>> {
        let mut missing = Vec::new();
        for topic in &self.options.topics {
            let name = self.queue_name(topic);
            let call = self.client.get_queue_url().queue_name(&name).customize();
            match call.config_override(within(ATTEMPT_MAX)).send().await {
                Ok(_) => {}
                Err(error) if error.code().is_some_and(names_missing) => missing.push(name),
                Err(error) => return Err(refused(error)),
            }
        }
        Ok(missing)
    }

    /// Makes the queues that are missing, and returns their names.
    ///
    /// # Errors
    /// When one cannot be made.
    pub async fn queues_create(&self) -> Result<Vec<String>> {
        let missing = self.queues_missing().await?;
        for name in &missing {
            self.client
                .create_queue()
                .queue_name(name)
                .attributes(QueueAttributeName::VisibilityTimeout, VISIBILITY_S)
                .attributes(QueueAttributeName::MessageRetentionPeriod, self.options.retention.as_secs().to_string())
                .customize()
                .config_override(within(ATTEMPT_MAX))
                .send()
                .await
                .map_err(refused)?;
        }
        Ok(missing)
    }
}

/// Whether a code says that there is no such queue: SQS has one name for it in each of its protocols.
pub(super) fn names_missing(code: &str) -> bool {
    code.ends_with("NonExistentQueue") || code.ends_with("QueueDoesNotExist")
}

fn refused(error: impl std::error::Error) -> Error {
    Error::unavailable(DisplayErrorContext(error))
}
