//! What moto does otherwise than AWS, shown on the moto of the tests: the README lists it with what is done about it.
//!
//! A line that changes says that moto has learnt something, and that a row of the list is to go.

use testkit::aws::Moto;

const OTHERWISE: &str = include_str!("moto/otherwise.py");

/// What AWS does: 1 for the transaction; some writes throttled and some handed back; twice
/// `ConditionalCheckFailedException`, and once more for the text, which is not between; both sizes, as
/// 409,600 bytes fit; `CodeMismatchException`; a key of its own for each pool.
const LINES: [&str; 9] = [
    "a transaction's token is forgotten: 2",
    "throttled: 0",
    "handed back: 0",
    "false is 0: done",
    "true is 1: done",
    "a text between numbers: 500",
    "405,000 bytes: done ValidationException",
    "a code that nobody sent: done",
    "pools share a key: True",
];

#[test]
fn moto_still_does_otherwise() {
    let told = Moto::shared().boto3(OTHERWISE, &[]);
    assert_eq!(told.lines().collect::<Vec<_>>(), LINES);
}
