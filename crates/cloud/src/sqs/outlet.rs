//! A queue for other programs: texts go out, and nobody here ever hears them.

use std::time::Duration;

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use base::{Error, Result};

use super::{BATCH, Options, SqsQueue, unavailable};
use crate::Aws;

/// A batch has at most so many bytes of texts: what every region takes.
const BATCH_BYTES_MAX: usize = 256 * 1024;
/// The longest that SQS keeps a message: two weeks.
const RETENTION: Duration = Duration::from_secs(14 * 86_400);

/// A standard queue named `{prefix}{name}`.
#[derive(Clone, Debug)]
pub struct Outlet {
    queue: SqsQueue,
    name: String,
}

impl Outlet {
    /// An outlet that has asked nothing yet.
    pub async fn connect(aws: &Aws, prefix: &str, name: &str) -> Self {
        let options = Options { prefix: prefix.to_owned(), topics: vec![name.to_owned()], retention: RETENTION };
        Self { queue: SqsQueue::connect(aws, options).await, name: name.to_owned() }
    }

    /// Sends texts, each JSON of at most 256 KB; every one is in the queue on return.
    ///
    /// # Errors
    /// `TooLarge`; `Unavailable` when SQS does not take them: any number may be in the queue.
    pub async fn send(&self, texts: &[String]) -> Result<()> {
        let url = self.queue.url(&self.name).await.map_err(unavailable)?;
        let mut rest: &[String] = texts;
        while !rest.is_empty() {
            let (batch, after) = rest.split_at(fitting(rest)?);
            let entries = batch.iter().enumerate().map(entry).collect::<Result<Vec<_>>>()?;
            self.queue.send_entries(&url, entries).await.map_err(unavailable)?;
            rest = after;
        }
        Ok(())
    }

    /// The full name of the queue, if it is missing.
    ///
    /// # Errors
    /// When SQS cannot be asked.
    pub async fn missing(&self) -> Result<Vec<String>> {
        self.queue.queues_missing().await
    }

    /// Makes the queue if it is missing, and returns its full name then.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn create(&self) -> Result<Vec<String>> {
        self.queue.queues_create().await
    }
}

/// How many texts, from the first on, one batch holds.
fn fitting(texts: &[String]) -> Result<usize> {
    let mut bytes = 0;
    let count = texts.iter().take(BATCH).take_while(|text| {
        bytes += text.len();
        bytes <= BATCH_BYTES_MAX
    });
    match count.count() {
        0 => Err(Error::new(base::ErrorKind::TooLarge, format!("A message has at most {BATCH_BYTES_MAX} bytes"))),
        count => Ok(count),
    }
}

fn entry((n, text): (usize, &String)) -> Result<SendMessageBatchRequestEntry> {
    // SQS refuses two characters that JSON may spell otherwise.
    let text = text.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff");
    SendMessageBatchRequestEntry::builder().id(n.to_string()).message_body(text).build().map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_full_by_count_or_by_bytes() {
        let of = |bytes: usize, count: usize| vec!["x".repeat(bytes); count];
        assert_eq!(fitting(&of(1, 25)).unwrap(), 10);
        assert_eq!(fitting(&of(100 * 1024, 3)).unwrap(), 2);
        assert_eq!(fitting(&of(BATCH_BYTES_MAX, 1)).unwrap(), 1);
        assert!(fitting(&of(BATCH_BYTES_MAX + 1, 1)).is_err());
    }

    #[test]
    fn what_sqs_refuses_is_spelt_otherwise() {
        let entry = entry((0, &"{\"a\":\"\u{ffff}\u{fffe}\"}".to_owned())).unwrap();
        assert_eq!(entry.message_body, r#"{"a":"\uffff\ufffe"}"#);
    }
}
