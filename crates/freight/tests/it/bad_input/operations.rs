//! Jobs, their logs, dead letters, policies, schedules.

use super::case::{Case, get, post, request};

const INVALID: &str = "validation_error";
const NOBODY: &str = "019b76da-a800-7c50-b1a5-2f6cc4d8e0f1";

pub(crate) fn cases() -> Vec<Case> {
    [jobs(), dead_letters(), around()].into_iter().flatten().collect()
}

fn jobs() -> Vec<Case> {
    let upper = NOBODY.to_uppercase();
    let mut cases: Vec<_> = ["x", "1", NOBODY, &upper, "019b76daa8007c50b1a52f6cc4d8e0f1"]
        .into_iter()
        .map(|id| get(format!("/api/v1/jobs/{id}")).is(404, "not_found", ""))
        .collect();
    for verb in ["pause", "resume", "cancel", "retry"] {
        cases.push(request("POST", format!("/api/v1/jobs/{NOBODY}/{verb}")).is(404, "not_found", ""));
    }
    cases.extend([
        get("/api/v1/jobs/..%2F..").is(400, INVALID, ""),
        get("/api/v1/jobs/%00").is(400, INVALID, ""),
        request("DELETE", format!("/api/v1/jobs/{NOBODY}")).is(404, "not_found", ""),
        get(format!("/api/v1/jobs/{NOBODY}/logs")).is(404, "not_found", ""),
        get(format!("/api/v1/jobs/{NOBODY}/batches")).is(404, "not_found", ""),
        get(format!("/api/v1/jobs/{NOBODY}/events")).is(404, "not_found", ""),
        get("/api/v1/jobs?status=asleep").is(422, INVALID, "status"),
        get("/api/v1/jobs?limit=0").is(422, INVALID, "limit"),
        get("/api/v1/jobs?cursor=x").is(422, INVALID, "cursor"),
        get("/api/v1/jobs?offset=10001").is(422, INVALID, "offset"),
        get("/api/v1/jobs?kind=a&kind=b").is(400, INVALID, "kind"),
        get("/api/v1/jobs?owner=me").is(422, INVALID, "owner"),
        get("/api/v1/journal?stream=debug").is(422, INVALID, "stream"),
        get("/api/v1/journal?from=yesterday").is(422, INVALID, "from"),
        get("/api/v1/journal?limit=1001").is(422, INVALID, "limit"),
    ]);
    cases
}

fn dead_letters() -> Vec<Case> {
    let at = format!("/api/v1/dead-letters/{NOBODY}");
    vec![
        get("/api/v1/dead-letters/x").is(404, "not_found", ""),
        get(at.clone()).is(404, "not_found", ""),
        get("/api/v1/dead-letters?limit=0").is(422, INVALID, "limit"),
        get("/api/v1/dead-letters?cursor=x").is(422, INVALID, "cursor"),
        get("/api/v1/dead-letters?age=1").is(422, INVALID, "age"),
        request("POST", format!("{at}/redrive")).is(404, "not_found", ""),
        post("/api/v1/dead-letters/redrive", r#"{"kind": 7}"#).is(422, INVALID, "kind"),
        post("/api/v1/dead-letters/redrive", r#"{"all": true}"#).is(422, INVALID, "all"),
        request("PATCH", at.clone()).body("application/json", "{}").is(422, INVALID, "payload"),
        request("PATCH", at.clone()).body("application/json", r#"{"payload": {}}"#).is(404, "not_found", ""),
        request("PATCH", at.clone()).body("application/json", r#"{"reason": "x"}"#).is(422, INVALID, "reason"),
        request("DELETE", at).is(404, "not_found", ""),
    ]
}

fn around() -> Vec<Case> {
    vec![
        get("/api/v1/stats?since=x").is(422, INVALID, "since"),
        get("/api/v1/queues?topic=x").is(422, INVALID, "topic"),
        request("POST", "/api/v1/schedules/nothing/run").is(404, "not_found", ""),
        request("POST", "/api/v1/schedules/nothing/pause").is(404, "not_found", ""),
        request("POST", "/api/v1/schedules/nothing/resume").is(404, "not_found", ""),
        request("POST", "/api/v1/backup").is(501, "unavailable", ""),
        request("POST", "/api/v1/check").is(501, "unavailable", ""),
    ]
}
