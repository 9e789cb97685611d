//! Jobs: seen and steered.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use testkit::Client;

use super::{Stage, Toy};

pub(super) async fn a_job_says_how_far_it_is(stage: &Stage) {
    let toys = [Toy::of("a", 3), Toy { failed: 1, ..Toy::of("b", 2) }];
    let id = stage.made("how-far", Stage::FETCH, &toys).await.id;
    let job = stage.client("how-far", "reader").get(&format!("/api/v1/jobs/{id}")).await;
    let job = job.expect(200).json();
    assert_eq!(job["id"], id.to_string());
    assert_eq!((&job["kind"], &job["created_by"]), (&json!("toy.fetch"), &json!("key:operator")));
    assert_eq!(job["status"], "completed_with_errors");
    assert_eq!((&job["progress"], &job["eta"], &job["error"]), (&json!(1.0), &Value::Null, &Value::Null));
    assert!(job["rate"].is_f64() && job["started_at"].is_string() && job["completed_at"].is_string());
    let counts = json!({
        "total": 5, "processed": 4, "failed": 1, "remaining": 0, "batches": 2,
        "batches_completed": 2, "batches_failed": 0, "batches_dropped": 0, "extra": {"seen": 5}
    });
    assert_eq!(job["counts"], counts);
    assert_eq!(job["details"], json!({}));
    let at = |what: &str| format!("/api/v1/jobs/{id}{what}");
    let links = json!({
        "self": at(""), "logs": at("/logs"), "events": at("/events"), "batches": at("/batches"),
        "retry": at("/retry")
    });
    assert_eq!(job["links"], links, "only what its state allows");
}

fn ids(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().expect("items");
    items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

async fn list(client: &Client, query: &str) -> Value {
    client.get(&format!("/api/v1/jobs{query}")).await.expect(200).json()
}

pub(super) async fn jobs_are_listed_newest_first(stage: &Stage) {
    let tenant = "listed";
    let mut made = Vec::new();
    for kind in [Stage::FETCH, Stage::COMBINE, Stage::FETCH] {
        made.push(stage.made(tenant, kind, &[Toy::of("a", 1)]).await.id.to_string());
    }
    let broken = Toy { broken: true, ..Toy::of("a", 1) };
    made.push(stage.made(tenant, Stage::FETCH, &[broken]).await.id.to_string());
    made.reverse();
    let client = stage.client(tenant, "reader");

    let all = list(&client, "").await;
    assert_eq!(ids(&all), made);
    assert_eq!((&all["total"], &all["has_more"], &all["next"]), (&json!(4), &json!(false), &Value::Null));
    let fetches = list(&client, "?kind=toy.fetch&status=completed").await;
    assert_eq!(ids(&fetches), [made[1].clone(), made[3].clone()]);
    assert_eq!(fetches["total"], 2);
    assert_eq!(list(&client, "?kind=unknown").await["items"], json!([]));
    client.get("/api/v1/jobs?status=asleep").await.expect(422);

    let mut walked = Vec::new();
    let mut query = "?limit=1".to_owned();
    loop {
        let page = list(&client, &query).await;
        walked.extend(ids(&page));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=1&cursor={next}");
    }
    assert_eq!(walked, made);
    assert_eq!(ids(&list(&client, "?limit=2&offset=1").await), made[1..3]);
    let first = list(&client, "?limit=1").await;
    let cursor = first["next"].as_str().expect("a cursor");
    let other = stage.client("listed-elsewhere", "reader");
    other.get(&format!("/api/v1/jobs?limit=1&cursor={cursor}")).await.expect(422);
}

pub(super) async fn who_lacks_jobs_read_sees_the_kinds_of_their_scopes(stage: &Stage) {
    let tenant = "scoped";
    let fetch = stage.made(tenant, Stage::FETCH, &[Toy::of("a", 1)]).await.id.to_string();
    let combine = stage.made(tenant, Stage::COMBINE, &[Toy::of("a", 1)]).await.id.to_string();
    let fetcher = stage.client(tenant, "fetcher");
    let seen = list(&fetcher, "").await;
    assert_eq!((ids(&seen), &seen["total"]), (vec![fetch.clone()], &json!(1)));
    assert_eq!(ids(&list(&fetcher, "?kind=toy.combine").await), Vec::<String>::new());
    fetcher.get(&format!("/api/v1/jobs/{fetch}")).await.expect(200);
    fetcher.get(&format!("/api/v1/jobs/{fetch}/logs")).await.expect(200);
    not_found(&fetcher, &combine).await;
    assert_eq!(ids(&list(&stage.client(tenant, "combiner"), "").await), [combine]);
    assert_eq!(list(&stage.client(tenant, "nobody"), "").await["total"], 0);
}

/// Every address of the job is answered as if it were not there.
async fn not_found(client: &Client, id: &str) {
    for below in ["", "/batches", "/logs", "/events"] {
        let problem = client.get(&format!("/api/v1/jobs/{id}{below}")).await.expect(404).json();
        assert_eq!(problem["detail"], format!("Job {id} not found"), "{below}");
        assert_eq!(problem["error"], "not_found");
    }
}

pub(super) async fn what_may_not_be_seen_is_not_there(stage: &Stage) {
    let id = stage.made("seen", Stage::FETCH, &[Toy::of("a", 1)]).await.id.to_string();
    let stranger = stage.client("seen-by-others", "operator");
    let random = "019b76da-a800-7c50-b1a5-2f6cc4d8e0f1";
    for id in [id.as_str(), random, "4711", "nothing"] {
        not_found(&stranger, id).await;
        for verb in ["pause", "resume", "cancel", "retry"] {
            let problem = stranger.post_empty(&format!("/api/v1/jobs/{id}/{verb}")).await;
            assert_eq!(problem.expect(404).json()["detail"], format!("Job {id} not found"));
        }
        stranger.delete(&format!("/api/v1/jobs/{id}")).await.expect(404);
    }
    assert_eq!(list(&stranger, "").await["total"], 0);
}

pub(super) async fn batches_are_listed_in_the_order_of_the_plan(stage: &Stage) {
    let toys = [Toy::of("a", 3), Toy { broken: true, ..Toy::of("b", 2) }];
    let id = stage.made("batches", Stage::FETCH, &toys).await.id;
    let client = stage.client("batches", "reader");
    let list = client.get(&format!("/api/v1/jobs/{id}/batches")).await.expect(200).json();
    let batches = json!([
        {"seq": 0, "status": "completed", "records": 3, "processed": 3, "failed": 0,
            "extra": {"seen": 3}, "attempts": 0, "error": null},
        {"seq": 1, "status": "failed", "records": 2, "processed": 0, "failed": 2, "extra": {},
            "attempts": 1, "error": "broken"}
    ]);
    assert_eq!((&list["items"], &list["total"]), (&batches, &json!(2)));
}

pub(super) async fn a_job_is_held_let_go_and_stopped(stage: &Stage) {
    let tenant = "steered";
    let toys = [Toy { gated: true, ..Toy::of("a", 1) }, Toy::of("b", 1)];
    let id = stage.make(tenant, Stage::FETCH, &toys).await;
    stage.switch.waiting.acquire().await.expect("the gate").forget();
    let client = stage.client(tenant, "operator");
    let steer = async |verb: &str| client.post_empty(&format!("/api/v1/jobs/{id}/{verb}")).await;

    let conflict = steer("resume").await.expect(409).json();
    assert_eq!(conflict["detail"], "Cannot resume job in status: running");
    let held = steer("pause").await.expect(200).json();
    assert_eq!(
        (&held["status"], &held["links"]["resume"]),
        (&json!("paused"), &json!(format!("/api/v1/jobs/{id}/resume")))
    );
    steer("pause").await.expect(409);
    assert_eq!(steer("resume").await.expect(200).json()["status"], "running");
    let stopped = client.delete(&format!("/api/v1/jobs/{id}")).await.expect(200).json();
    assert_eq!((&stopped["status"], &stopped["links"]["cancel"]), (&json!("cancelled"), &Value::Null));
    assert_eq!(steer("cancel").await.expect(409).json()["detail"], "Cannot cancel job in status: cancelled");
    assert_eq!(steer("retry").await.expect(400).json()["detail"], "Cannot retry job in status: cancelled");
    stage.switch.gate.add_permits(1);
    stage.settled(tenant, id).await;
}

pub(super) async fn steering_needs_its_scope(stage: &Stage) {
    let id = stage.made("unsteered", Stage::FETCH, &[Toy::of("a", 1)]).await.id;
    for role in ["reader", "fetcher", "nobody"] {
        let client = stage.client("unsteered", role);
        for verb in ["pause", "resume", "cancel", "retry"] {
            client.post_empty(&format!("/api/v1/jobs/{id}/{verb}")).await.expect(403);
        }
        client.delete(&format!("/api/v1/jobs/{id}")).await.expect(403);
    }
    Client::app(&stage.app).get("/api/v1/jobs").await.expect(401);
}

pub(super) async fn a_job_that_ended_badly_is_retried(stage: &Stage) {
    let tenant = "retried";
    let switched = |name: &str| Toy { switched: true, ..Toy::of(name, 2) };
    let toys = [Toy::of("a", 1), switched("b"), Toy { failed: 1, ..Toy::of("c", 2) }];
    let id = stage.made(tenant, Stage::FETCH, &toys).await.id;
    let client = stage.client(tenant, "operator");
    let retry = format!("/api/v1/jobs/{id}/retry");

    let unsure = format!("{retry}?retry_failed_only=true");
    let unsure = client.post(&unsure, &json!({ "retry_failed_only": false })).await.expect(422);
    assert_eq!(unsure.json()["details"][0]["field"], "retry_failed_only");
    client.post(&retry, &json!({ "unknown": 1 })).await.expect(422);
    stage.switch.broken.store(false, Ordering::SeqCst);
    let queued = client.post_empty(&retry).await.expect(200).json();
    let expected = json!({
        "job_id": id.to_string(), "batches_queued_for_retry": 1, "message": "Queued 1 batches for retry"
    });
    assert_eq!(queued, expected);
    let job = stage.settled(tenant, id).await;
    assert_eq!((job.counts.processed, job.counts.failed, job.counts.batches_failed), (4, 1, 0));

    let queued = client.post(&retry, &json!({ "retry_failed_only": false })).await.expect(200).json();
    assert_eq!(queued["message"], "Queued 1 batches for retry", "the one with a failed record");
    stage.settled(tenant, id).await;
    let queued = client.post_empty(&format!("{retry}?retry_failed_only=true")).await.expect(200);
    assert_eq!(queued.json()["batches_queued_for_retry"], 0);
    stage.settled(tenant, id).await;
    stage.switch.broken.store(true, Ordering::SeqCst);

    let fine = stage.made(tenant, Stage::FETCH, &[Toy::of("a", 1)]).await.id;
    let refused = client.post_empty(&format!("/api/v1/jobs/{fine}/retry")).await.expect(400).json();
    assert_eq!(refused["detail"], "Cannot retry job in status: completed");
    let fatal = Toy { fatal: true, ..Toy::of("a", 1) };
    let failed = stage.made(tenant, Stage::FETCH, &[fatal]).await.id;
    let failed = client.get(&format!("/api/v1/jobs/{failed}")).await.expect(200).json();
    assert_eq!((&failed["status"], &failed["error"]), (&json!("failed"), &json!("senseless to go on")));
}
