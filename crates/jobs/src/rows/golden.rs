//! What was stored once is read for ever: texts as earlier versions wrote them.

use base::store::{Body, Item, Key, Table};

use super::job::{BatchEnd, BatchRow, Cursor, Head, WalkTask};
use super::{decode, encode};
use crate::model::{DeadLetter, JobStatus, LogLine, Priority, Stream};
use crate::{Policy, Schedule};

fn stored(text: &str) -> Item {
    Item { key: Key::new(Table("golden"), "p", "s"), version: None, body: Body::data(text) }
}

/// Reads the text, checks what was read, and that it is still written so.
fn check<T: serde::Serialize + serde::de::DeserializeOwned>(text: &str, right: impl Fn(&T) -> bool) {
    let value: T = decode(&stored(text)).expect(text);
    assert!(right(&value), "{text}");
    assert_eq!(encode(&value), text);
}

#[test]
fn version_1_is_read_and_written() {
    check::<Head>(include_str!("golden/head.v1.json").trim_end(), |head| {
        head.status == JobStatus::CompletedWithErrors
            && head.slot.is_none()
            && head.counts.as_ref().is_some_and(|counts| counts.extra["records"] == 7)
    });
    check::<Cursor>(include_str!("golden/cursor.v1.json").trim_end(), |cursor| {
        cursor.next_seq == 20 && cursor.walk.as_ref().is_some_and(|walk| walk.task == WalkTask::RetryFailed)
    });
    check::<BatchRow>(include_str!("golden/batch.v1.json").trim_end(), |row| {
        row.end == BatchEnd::Failed && row.tally.failed == 3
    });
    check::<LogLine>(include_str!("golden/log_line.v1.json").trim_end(), |line| line.stream == Stream::Error);
    check::<DeadLetter>(include_str!("golden/dead_letter.v1.json").trim_end(), |letter| {
        letter.priority == Priority::Normal && letter.batch == Some(3) && letter.context["response"] == 200
    });
    check::<Schedule>(include_str!("golden/schedule.v1.json").trim_end(), |schedule| schedule.unique.is_none());
    check::<Policy>(include_str!("golden/policy.v1.json").trim_end(), |policy| policy.max_attempts == 3);
}
