//! A ring as a message: `1 TASK GROUP`, where 1 is the number of the format.

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use base::queue::{DELAY_MAX, Ring};
use base::{Error, Result, TaskId};
use std::time::Duration;
use uuid::Uuid;

const FORMAT: &str = "1";

/// The `n`th message of a batch. Its delay is whole seconds, rounded up: late is allowed, early not.
pub(super) fn entry(n: usize, ring: &Ring) -> Result<SendMessageBatchRequestEntry> {
    let delay = ring.delay.min(DELAY_MAX);
    let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
    SendMessageBatchRequestEntry::builder()
        .id(n.to_string())
        .message_body(encode(ring))
        .delay_seconds(i32::try_from(seconds).unwrap_or_default())
        .message_group_id(ring.group.as_str())
        .build()
        .map_err(Error::internal)
}

fn encode(ring: &Ring) -> String {
    format!("{FORMAT} {} {}", ring.task, ring.group)
}

/// The ring of a message's body, for who has the message from somebody else than [`Queue::receive`];
/// `None` when it is none of ours. When it is heard, its delay has passed.
///
/// [`Queue::receive`]: base::Queue::receive
pub fn decode(body: &str) -> Option<Ring> {
    let mut words = body.split(' ');
    let (FORMAT, task, group, None) = (words.next()?, words.next()?, words.next()?, words.next()) else {
        return None;
    };
    let task = TaskId::new(Uuid::parse_str(task).ok()?);
    Some(Ring { task, group: group.parse().ok()?, delay: Duration::ZERO })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_read_back() {
        let ring =
            Ring { task: TaskId::new(Uuid::from_u128(7)), group: "acme".parse().unwrap(), delay: Duration::ZERO };
        assert_eq!(encode(&ring), "1 00000000-0000-0000-0000-000000000007 acme");
        assert_eq!(decode(&encode(&ring)), Some(ring));
        for foreign in ["", "hello", "2 00000000-0000-0000-0000-000000000007 acme", "1 7 acme", "1 x"] {
            assert_eq!(decode(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_delay_is_never_shortened() {
        let ring =
            |ms| Ring { task: TaskId::new(Uuid::nil()), group: "a".parse().unwrap(), delay: Duration::from_millis(ms) };
        let seconds = |ms| entry(0, &ring(ms)).unwrap().delay_seconds().unwrap();
        assert_eq!([0, 1, 1_000, 1_001, 900_000, 1_000_000].map(seconds), [0, 1, 1, 2, 900, 900]);
    }
}
