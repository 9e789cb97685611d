//! What one call of CloudWatch Logs may hold.

use std::mem;

use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use jiff::Timestamp;

/// A line with its instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// When.
    pub at: Timestamp,
    /// What; cut at 256 KB, with a mark.
    pub text: String,
}

/// A batch has at most so many bytes, counted as CloudWatch counts them.
const BATCH_BYTES_MAX: usize = 1_048_576;
/// What it counts for an event besides its text.
const EVENT_BYTES_MORE: usize = 26;
/// A batch has at most so many events.
const BATCH_EVENTS_MAX: usize = 10_000;
/// From the first event of a batch to its last there are less than 24 hours.
const BATCH_SPAN_MS: i64 = 24 * 3_600 * 1_000;
/// An event has at most so many bytes. CloudWatch takes four times as many by now; what reads from it
/// may not.
const EVENT_BYTES_MAX: usize = 256 * 1024 - EVENT_BYTES_MORE;
/// Room for the mark of what was cut.
const MARK_BYTES_MAX: usize = 64;

/// The events in order of time, in as few batches as they fit into.
pub(super) fn batches(mut events: Vec<LogEvent>) -> Vec<Vec<InputLogEvent>> {
    events.sort_by_key(|event| event.at);
    let (mut full, mut batch, mut bytes, mut first) = (Vec::new(), Vec::new(), 0, 0);
    for LogEvent { at, text } in events {
        let (at, text) = (at.as_millisecond(), cut(text));
        let more = text.len() + EVENT_BYTES_MORE;
        let fits = bytes + more <= BATCH_BYTES_MAX && batch.len() < BATCH_EVENTS_MAX && at - first < BATCH_SPAN_MS;
        if !batch.is_empty() && !fits {
            full.push(mem::take(&mut batch));
            bytes = 0;
        }
        if batch.is_empty() {
            first = at;
        }
        bytes += more;
        // Building fails only without an instant or a text.
        batch.extend(InputLogEvent::builder().timestamp(at).message(text).build());
    }
    if !batch.is_empty() {
        full.push(batch);
    }
    full
}

/// A text that is no longer than an event may be, and not empty.
fn cut(text: String) -> String {
    if text.is_empty() {
        return " ".to_owned();
    }
    if text.len() <= EVENT_BYTES_MAX {
        return text;
    }
    let mut end = EVENT_BYTES_MAX - MARK_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}… [cut: {end} of {} bytes]", &text[..end], text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, text: impl Into<String>) -> LogEvent {
        LogEvent { at: Timestamp::from_second(seconds).unwrap(), text: text.into() }
    }

    fn sizes(events: Vec<LogEvent>) -> Vec<usize> {
        batches(events).iter().map(Vec::len).collect()
    }

    #[test]
    fn a_batch_is_full_at_each_of_three_bounds() {
        assert_eq!(sizes((0..10_001).map(|n| at(n, "x")).collect()), [10_000, 1], "events");
        let quarter = "x".repeat(EVENT_BYTES_MAX);
        assert_eq!(sizes((0..5).map(|n| at(n, quarter.clone())).collect()), [4, 1], "bytes");
        let day = 24 * 3_600;
        assert_eq!(sizes(vec![at(0, "a"), at(day - 1, "b")]), [2], "span");
        assert_eq!(sizes(vec![at(0, "a"), at(day, "b"), at(day + 5, "c")]), [1, 2], "span");
        assert_eq!(sizes(Vec::new()), [0; 0]);
    }

    #[test]
    fn events_are_in_order_of_time_and_keep_theirs() {
        let [batch] = &batches(vec![at(3, "c"), at(1, "a"), at(2, "b1"), at(2, "b2")])[..] else { panic!() };
        let told: Vec<(i64, &str)> = batch.iter().map(|event| (event.timestamp, event.message.as_str())).collect();
        assert_eq!(told, [(1_000, "a"), (2_000, "b1"), (2_000, "b2"), (3_000, "c")]);
    }

    #[test]
    fn a_long_event_is_cut_at_a_character_with_a_mark() {
        let long = "ä".repeat(EVENT_BYTES_MAX);
        let short = cut(long.clone());
        assert!(
            short.len() <= EVENT_BYTES_MAX && short.ends_with(&format!(" of {} bytes]", long.len())),
            "{}",
            short.len()
        );
        assert_eq!(cut("x".repeat(EVENT_BYTES_MAX)).len(), EVENT_BYTES_MAX);
    }
}
