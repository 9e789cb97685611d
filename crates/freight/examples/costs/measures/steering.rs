//! Jobs that ended badly and one that waits: what is asked about them, and what steers them.

use std::time::Duration;

use serde_json::{Value, json};

use super::desk::{Desk, ROOMY, Sent, body, place};
use super::{Measure, Most, pass};

const FETCH: &str = "POST /api/v1/datasets/{name}/fetch";
const BROKEN: &str = "/api/v1/datasets/broken";
const LETTERS: &str = "/api/v1/dead-letters";

pub(super) async fn measures() -> Vec<Measure> {
    let mut desk = Desk::open(ROOMY).await;
    let ended = ended(&desk).await;
    let waiting = place(&desk.ask(FETCH, &format!("{BROKEN}/fetch"), one_call()).await);
    figures(&mut desk).await;
    looked_at(&mut desk, &ended[0]).await;
    steered(&mut desk, &waiting).await;
    schedules(&mut desk).await;
    let [first, _, third] = &ended;
    let retry = ["job_retry", "POST /api/v1/jobs/{id}/retry", ""];
    let most = Most::of(3.0, [2.0, 28.0]).counted().ringing(1.0);
    desk.cost(retry, most, &format!("{third}/retry"), None).await;
    // One run of a dataset is under way at a time.
    desk.client.delete(third).await.expect(200);
    letters(&mut desk, first, third).await;
    desk.close()
}

fn one_call() -> Sent {
    body(&json!({ "calls": 1 }))
}

/// Runs of one call each that was answered 404: each left a dead letter.
async fn ended(desk: &Desk) -> [String; 3] {
    let source = json!({ "url": format!("http://{}/nothing", desk.sandbox), "schedule": "every 1d", "rate": null });
    let dataset = json!({ "name": "broken", "key": "id", "source": source });
    desk.client.post("/api/v1/datasets", &dataset).await.expect(201);
    let workers = desk.freight.workers_start();
    let mut ended = <[String; 3]>::default();
    for path in &mut ended {
        *path = place(&desk.ask(FETCH, &format!("{BROKEN}/fetch"), one_call()).await);
        desk.settled(path).await;
    }
    assert!(workers.stop(Duration::from_secs(5)).await);
    ended
}

async fn figures(desk: &mut Desk) {
    // The list, the heads, the counts of the one that has not ended, and the totals.
    let jobs = ["jobs", "GET /api/v1/jobs", "three that ended and one that waits"];
    desk.get(jobs, Most::of(4.0, [14.0, 0.0]).counted(), "/api/v1/jobs").await;
    desk.get(["stats", "GET /api/v1/stats", ""], Most::of(2.0, [2.0, 0.0]).counted(), "/api/v1/stats").await;
    let journal = ["journal", "GET /api/v1/journal", "the lines of three jobs"];
    desk.get(journal, Most::of(3.0, [3.0, 0.0]).counted(), "/api/v1/journal").await;
    let workers = ["worker_list", "GET /api/v1/workers", ""];
    desk.get(workers, Most::of(0.0, [0.0, 0.0]).counted(), "/api/v1/workers").await;
    let policies = ["policy_list", "GET /api/v1/retry-policies", ""];
    desk.get(policies, Most::of(1.0, [1.0, 0.0]).counted(), "/api/v1/retry-policies").await;
    let put = ["policy_put", "PUT /api/v1/retry-policies", ""];
    let policy = body(&json!({ "kind": "ingest.fetch", "max_attempts": 7 }));
    desk.cost(put, Most::of(3.0, [1.0, 4.0]).counted(), "/api/v1/retry-policies", policy).await;
    let status = ["dataset_status", "GET /api/v1/datasets/{name}/status", "of a run with an error"];
    desk.get(status, Most::of(3.0, [3.0, 0.0]).counted(), &format!("{BROKEN}/status")).await;
}

async fn looked_at(desk: &mut Desk, job: &str) {
    desk.get(["job_get", "GET /api/v1/jobs/{id}", ""], Most::of(1.0, [10.0, 0.0]).counted(), job).await;
    let batches = ["batch_list", "GET /api/v1/jobs/{id}/batches", "one batch"];
    desk.get(batches, Most::of(2.0, [11.0, 0.0]).counted(), &format!("{job}/batches")).await;
    let logs = ["log_list", "GET /api/v1/jobs/{id}/logs", "three streams of a few lines"];
    desk.get(logs, Most::of(4.0, [13.0, 0.0]).counted(), &format!("{job}/logs")).await;
}

async fn steered(desk: &mut Desk, job: &str) {
    let pause = ["job_pause", "POST /api/v1/jobs/{id}/pause", "one that waits"];
    let most = Most::of(3.0, [11.0, 14.0]).counted().ringing(1.0);
    desk.cost(pause, most, &format!("{job}/pause"), None).await;
    // Besides, it looks which of ten places is free.
    let resume = ["job_resume", "POST /api/v1/jobs/{id}/resume", "one that waits"];
    let most = Most::of(4.0, [21.0, 14.0]).counted().ringing(1.0);
    desk.cost(resume, most, &format!("{job}/resume"), None).await;
    let cancel = ["job_cancel", "POST /api/v1/jobs/{id}/cancel", ""];
    let most = Most::of(3.0, [11.0, 16.0]).counted().ringing(1.0);
    desk.cost(cancel, most, &format!("{job}/cancel"), None).await;
}

async fn schedules(desk: &mut Desk) {
    let path = "/api/v1/schedules/ingest.broken";
    let list = ["schedule_list", "GET /api/v1/schedules", "one"];
    desk.get(list, Most::of(1.0, [1.0, 0.0]).counted(), "/api/v1/schedules").await;
    let run = ["schedule_run", "POST /api/v1/schedules/{id}/run", "it starts a job"];
    let most = Most::of(2.0, [1.0, 20.0]).counted().ringing(1.0);
    let job = place(&desk.cost(run, most, &format!("{path}/run"), None).await);
    let delete = ["job_delete", "DELETE /api/v1/jobs/{id}", ""];
    let most = Most::of(3.0, [11.0, 16.0]).counted().ringing(1.0);
    desk.cost(delete, most, &job, None).await;
    let pause = ["schedule_pause", "POST /api/v1/schedules/{id}/pause", ""];
    desk.cost(pause, Most::of(2.0, [1.0, 1.0]).counted(), &format!("{path}/pause"), None).await;
    // Its next tick is another one than it was, with a task of its own.
    pass(&desk.clock, Duration::from_secs(2)).await;
    let resume = ["schedule_resume", "POST /api/v1/schedules/{id}/resume", ""];
    desk.cost(resume, Most::of(2.0, [1.0, 8.0]).counted(), &format!("{path}/resume"), None).await;
}

/// Of three letters one is redriven, one dropped, and the last redriven with all that are left.
async fn letters(desk: &mut Desk, redriven: &str, dropped: &str) {
    let list = ["dead_list", "GET /api/v1/dead-letters", "three letters"];
    let listed = desk.get(list, Most::of(2.0, [4.0, 0.0]).counted(), LETTERS).await.json();
    let of = |job: &str| {
        let letters = listed["items"].as_array().unwrap();
        letters.iter().find(|letter| letter["links"]["job"] == job).unwrap().clone()
    };
    let path = |letter: &Value| letter["links"]["self"].as_str().unwrap().to_owned();
    let letter = of(redriven);
    let at = path(&letter);
    let get = ["dead_get", "GET /api/v1/dead-letters/{id}", ""];
    desk.get(get, Most::of(1.0, [2.0, 0.0]).counted(), &at).await;
    let mend = ["dead_mend", "PATCH /api/v1/dead-letters/{id}", ""];
    let payload = body(&json!({ "payload": letter["payload"] }));
    desk.cost(mend, Most::of(4.0, [4.0, 6.0]).counted(), &at, payload).await;
    let redrive = ["dead_redrive", "POST /api/v1/dead-letters/{id}/redrive", "its job had ended"];
    let most = Most::of(5.0, [6.0, 44.0]).counted().ringing(1.0);
    desk.cost(redrive, most, &format!("{at}/redrive"), None).await;
    desk.client.delete(redriven).await.expect(200);
    let drop = ["dead_drop", "DELETE /api/v1/dead-letters/{id}", ""];
    desk.cost(drop, Most::of(4.0, [4.0, 10.0]).counted(), &path(&of(dropped)), None).await;
    let all = ["dead_redrive_all", "POST /api/v1/dead-letters/redrive", "one letter, whose job had ended"];
    let most = Most::of(6.0, [6.0, 44.0]).counted().ringing(1.0);
    desk.cost(all, most, &format!("{LETTERS}/redrive"), None).await;
}
