//! Log lines and dead letters on their way to other systems: as everywhere on the wire, and whose they
//! are.

use base::{Error, Result, TenantId};
use jobs::{DeadLetter, LogLine};
use serde::Serialize;

use super::dead_letters::LetterView;
use super::logs::LineView;

#[derive(Serialize)]
struct Exported<'a, T> {
    tenant_id: &'a str,
    #[serde(flatten)]
    what: T,
}

/// A line of a log as the text of a JSON object.
///
/// # Errors
/// `Internal` when it has no text form.
pub(crate) fn line(tenant: &TenantId, line: LogLine) -> Result<String> {
    text(tenant, LineView::from(line))
}

/// A dead letter as the text of a JSON object; a payload that was too long for it is null.
///
/// # Errors
/// `Internal` when it has no text form.
pub(crate) fn letter(tenant: &TenantId, letter: DeadLetter) -> Result<String> {
    text(tenant, LetterView::of(letter)?)
}

fn text(tenant: &TenantId, what: impl Serialize) -> Result<String> {
    serde_json::to_string(&Exported { tenant_id: tenant.as_str(), what }).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use base::TaskId;
    use jobs::Priority;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_letter_keeps_its_payload_exactly_and_says_whose_it_is() {
        let dead = DeadLetter {
            id: TaskId::new("019b76da-a800-7c50-b1a5-2f6cc4d8e0f1".parse().unwrap()),
            kind: "ingest.fetch".to_owned(),
            at: "2026-01-02T03:04:05Z".parse().unwrap(),
            reason: "no".to_owned(),
            attempts: 1,
            payload: r#"{"n": 1.10, "a": 12345678901234567890123}"#.to_owned(),
            job: None,
            batch: None,
            unique: None,
            priority: Priority::Normal,
            context: json!({ "request": "GET" }),
        };
        let tenant = "acme".parse().unwrap();
        let told = letter(&tenant, dead.clone()).unwrap();
        assert!(told.starts_with(r#"{"tenant_id":"acme","id":"019b76da-a800-7c50-b1a5-2f6cc4d8e0f1","#), "{told}");
        assert!(
            told.contains(r#""payload":{"n": 1.10, "a": 12345678901234567890123},"context":{"request":"GET"}"#),
            "{told}"
        );
        let told = letter(&tenant, DeadLetter { payload: String::new(), ..dead }).unwrap();
        assert!(told.contains(r#""payload":null"#), "{told}");
    }
}
