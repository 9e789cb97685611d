//! What foreign answers lead to.

use ingest::model::{CallError, Status};
use jobs::JobStatus;

use crate::upstream::Fault;
use crate::world::World;

async fn status(world: &World, dataset: &str) -> (Status, Vec<CallError>) {
    world.ingest.status(&world.ctx(), &dataset.parse().unwrap()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_tried_again() {
    let world = World::start().await;
    let soon = Fault::new(429, "slow down").with("retry-after", "0");
    world.upstream.faults([Fault::new(503, ""), Fault::new(500, "oops"), soon]);
    let job = world.fetch("users", 1, 5).await;
    assert_eq!(job.status, JobStatus::Completed, "{job:?}");
    assert_eq!(world.upstream.journal().len(), 4);
    let (status, errors) = status(&world, "users").await;
    assert_eq!((status.records, status.api_calls, status.error_count, errors.len()), (5, 1, 0, 0));
    world.stop().await;
}

/// What one call is answered, and the error that comes of it, in the order: message, status, body.
fn hopeless() -> Vec<(Fault, &'static str, u16)> {
    let seed = "An unexpected error occurred when fetching users.";
    vec![
        (Fault::new(200, r#"{"message":"no"}"#), seed, 200),
        (Fault::new(404, "nothing"), "Received 404 code, but expected 200", 404),
        (Fault::new(401, ""), "Received 401 code, but expected 200", 401),
        (Fault::new(204, ""), "Received 204 code, but expected 200", 204),
        (Fault::new(302, "").with("location", "http://127.0.0.1:1/"), "Received 302 code, but expected 200", 302),
        (Fault::new(200, "<html>"), "Received a malformed answer when fetching users: Not JSON", 200),
        (Fault::new(200, r#"[{"id":1,"last_"#), "Received a malformed answer when fetching users: Not JSON", 200),
        (Fault::new(200, b"\"\xff\"".to_vec()), "Received a malformed answer when fetching users: not UTF-8", 200),
        (Fault::new(200, "[".repeat(10_000)), "Received a malformed answer when fetching users: Not JSON", 200),
        (Fault::new(200, r#"{"data":[]}"#), "Received a malformed answer when fetching users: Neither", 200),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hopeless_is_told_once_and_fails_no_other_call() {
    let world = World::start().await;
    for (fault, message, code) in hopeless() {
        let before = world.upstream.journal().len();
        world.upstream.faults([fault.clone()]);
        let job = world.fetch("users", 3, 2).await;
        assert_eq!(job.status, JobStatus::CompletedWithErrors, "{message}");
        assert_eq!(world.upstream.journal().len() - before, 3, "{message}");
        let (status, errors) = status(&world, "users").await;
        assert_eq!((status.records, status.api_calls, status.error_count), (4, 3, 1), "{message}");
        assert!(errors[0].message.starts_with(message), "{:?}", errors[0]);
        assert_eq!(errors[0].response, Some(code));
        assert_eq!(errors[0].host, format!("http://{}/api/v2/users", world.upstream.at));
    }
    let dead = world.engine.dead_list(&"default".parse().unwrap(), None, 100, None).await.unwrap().items;
    assert_eq!(dead.len(), hopeless().len());
    assert!(dead.iter().all(|letter| letter.context["request"].as_str().is_some_and(|url| url.ends_with("?size=2"))));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_at_all_is_a_runtime_error() {
    let world = World::start().await;
    // The server promises more than it sends, five times: as often as a call is tried.
    let broken = Fault::new(200, "[]").with("content-length", "100");
    world.upstream.faults(std::iter::repeat_n(broken, 5));
    let job = world.fetch("users", 1, 2).await;
    assert_eq!((job.counts.batches_failed, world.upstream.journal().len()), (1, 5), "{job:?}");
    let (status, errors) = status(&world, "users").await;
    assert_eq!((status.records, status.error_count), (0, 1));
    assert_eq!(errors[0].message, "An unexpected Runtime error occurred.");
    assert_eq!((errors[0].response, &errors[0].response_content), (None, &None));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_is_not_taken() {
    let world = World::start().await;
    world.upstream.faults([Fault::new(200, vec![b' '; 10_000_001])]);
    let job = world.fetch("users", 1, 2).await;
    assert_eq!(job.counts.batches_failed, 1);
    let (_, errors) = status(&world, "users").await;
    assert_eq!(errors[0].message, "The answer is larger than 10 MB.");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_lives_without_its_malformed_records() {
    let world = World::start().await;
    let page = r#"[{"id":1,"last_name":"b"},{"id":2},{"last_name":"x"},7,{"id":3,"last_name":"a","n":1,"n":2},
        {"id":1,"last_name":"c"},{"id":4,"last_name":"a",
          "n":1.0}]"#;
    world.upstream.faults([Fault::new(200, page)]);
    let job = world.fetch("users", 1, 2).await;
    assert_eq!(job.status, JobStatus::Completed, "{job:?}");
    assert_eq!(world.records("users").await, [r#"{"id":4,"last_name":"a","n":1.0}"#, r#"{"id":1,"last_name":"c"}"#]);
    let (status, _) = status(&world, "users").await;
    assert_eq!((status.records, job.counts.extra.get("malformed")), (3, Some(&4)));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_is_kept_cut_and_without_the_credential() {
    let world = World::start().await;
    let body = format!("s3cr3t-of-the-upstream {}", "x".repeat(100_000));
    let definition = serde_json::json!({ "name": "api", "key": "id", "sort": "name", "source": {
        "url": format!("http://{}/cursor", world.upstream.at), "page": { "kind": "cursor", "param": "cursor", "next": "meta.next" },
        "records": "items", "rate": null, "auth": { "kind": "header", "name": "X-Key", "secret": "upstream" } } });
    let definition = serde_json::from_value(definition).unwrap();
    world.ingest.dataset_create(&world.ctx(), definition).await.unwrap();
    world.upstream.faults([Fault::new(400, body)]);
    world.fetch("api", 9, 1).await;
    assert_eq!(world.upstream.last_headers()["x-key"], "s3cr3t-of-the-upstream");
    let (_, errors) = status(&world, "api").await;
    let dead = world.engine.dead_list(&"default".parse().unwrap(), None, 100, None).await.unwrap().items;
    let kept = dead[0].context["response_content"].as_str().unwrap();
    assert!(kept.starts_with("*** xxx") && kept.ends_with("bytes]") && kept.len() < 66_000, "{} bytes", kept.len());
    let told = errors[0].response_content.as_deref().unwrap();
    assert!(told.starts_with("*** xxx") && told.ends_with("bytes]") && told.len() < 4_200, "{} bytes", told.len());
    assert!(!serde_json::to_string(&dead[0]).unwrap().contains("s3cr3t"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redriven_call_mends_the_status() {
    let world = World::start().await;
    world.upstream.faults([Fault::new(404, "")]);
    let job = world.fetch("users", 2, 3).await;
    assert_eq!(status(&world, "users").await.0.error_count, 1);
    let queued = world.engine.job_retry(&world.ctx(), job.id, true).await.unwrap();
    assert_eq!(queued, 1);
    let job = world.ended(&job).await;
    assert_eq!(job.status, JobStatus::Completed, "{job:?}");
    let (status, errors) = status(&world, "users").await;
    assert_eq!((status.records, status.api_calls, status.error_count, errors.len()), (6, 2, 0, 0));
    world.stop().await;
}
