//! Figures, retry policies, schedules.

use jobs::NewSchedule;
use serde_json::{Value, json};

use super::{Stage, Toy};

pub(super) async fn figures_are_those_of_the_tenant(stage: &Stage) {
    let client = stage.client("figures", "reader");
    let empty = client.get("/api/v1/stats").await.expect(200).json();
    assert_eq!((&empty["total_jobs"], &empty["success_rate"]), (&json!(0), &Value::Null));
    stage.made("figures", Stage::FETCH, &[Toy::of("a", 3)]).await;
    stage.made("figures", Stage::FETCH, &[Toy { failed: 1, ..Toy::of("a", 2) }]).await;
    let stats = client.get("/api/v1/stats").await.expect(200).json();
    assert_eq!((&stats["total_jobs"], &stats["success_rate"]), (&json!(2), &json!(0.5)));
    assert_eq!((&stats["by_status"]["completed"], &stats["by_status"]["paused"]), (&json!(1), &json!(0)));
    assert!(stats["avg_duration_minutes"].is_f64(), "{stats}");
    assert_eq!(stats["records"], json!({"processed": 4, "failed": 1}));
    stage.client("figures", "fetcher").get("/api/v1/stats").await.expect(403);
}

pub(super) async fn the_platform_sees_queues_and_workers(stage: &Stage) {
    let platform = stage.client("system", "platform");
    let queues = platform.get("/api/v1/queues").await.expect(200).json();
    let topics: Vec<&Value> = queues["items"].as_array().into_iter().flatten().map(|queue| &queue["topic"]).collect();
    assert_eq!(topics, ["tasks-high", "tasks-normal", "tasks-low"]);
    let workers = platform.get("/api/v1/workers").await.expect(200).json();
    assert_eq!(workers["items"][0]["concurrency"], 64);
    for path in ["/api/v1/queues", "/api/v1/workers"] {
        stage.client("acme", "operator").get(path).await.expect(403);
    }
}

pub(super) async fn a_retry_policy_is_set_for_a_kind(stage: &Stage) {
    let client = stage.client("policies", "operator");
    let of = async |kind: &str| {
        let list = client.get("/api/v1/retry-policies").await.expect(200).json();
        let items = list["items"].as_array().expect("items").clone();
        items.into_iter().find(|policy| policy["kind"] == kind).expect("the kind")
    };
    assert_eq!(of("toy.fetch").await["max_attempts"], 1);
    let own = json!({
        "kind": "toy.fetch", "max_attempts": 7, "backoff": "linear", "initial_delay_s": 0, "max_delay_s": 3600
    });
    let put = json!({"kind": "toy.fetch", "max_attempts": 7, "backoff": "linear", "initial_delay_s": 0});
    assert_eq!(client.put("/api/v1/retry-policies", &put).await.expect(200).json(), own);
    assert_eq!(of("toy.fetch").await, own);
    assert_eq!(of("toy.combine").await["max_attempts"], 1);
    let other = stage.client("policies-of-others", "reader").get("/api/v1/retry-policies").await;
    assert!(!other.expect(200).json()["items"].as_array().expect("items").contains(&own));
    assert_eq!(stage.audit.of("policies"), ["retry_policy.set toy.fetch"]);

    for (field, put) in [
        ("max_attempts", json!({"kind": "toy.fetch", "max_attempts": 21})),
        ("max_delay_s", json!({"kind": "toy.fetch", "max_delay_s": 86_401})),
        ("kind", json!({"kind": "toy.unknown"})),
    ] {
        let problem = client.put("/api/v1/retry-policies", &put).await.expect(422).json();
        assert_eq!(problem["details"][0]["field"], field);
    }
    stage.client("policies", "reader").put("/api/v1/retry-policies", &put).await.expect(403);
}

pub(super) async fn a_schedule_is_run_held_and_let_go(stage: &Stage) {
    let tenant = "scheduled";
    for (name, kind) in [("each day", Stage::FETCH), ("each night", Stage::COMBINE)] {
        let params = serde_json::to_string(&[Toy::of("a", 1)]).expect("JSON");
        let (name, when) = (name.to_owned(), "0 6 * * * Europe/London".to_owned());
        let new = NewSchedule { name, when, kind, params, unique: None };
        stage.engine.schedule_put(&stage.ctx(tenant, "operator"), new).await.expect("a schedule");
    }
    let client = stage.client(tenant, "operator");
    let names = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().expect("items").iter();
        items.filter_map(|item| item["id"].as_str()).map(str::to_owned).collect()
    };
    let list = client.get("/api/v1/schedules").await.expect(200).json();
    assert_eq!(names(&list), ["each day", "each night"]);
    assert_eq!((&list["items"][0]["paused"], &list["items"][0]["last_at"]), (&json!(false), &Value::Null));
    let page = client.get("/api/v1/schedules?limit=1").await.expect(200).json();
    let next = page["next"].as_str().expect("a cursor");
    let page = client.get(&format!("/api/v1/schedules?limit=1&cursor={next}")).await.expect(200).json();
    assert_eq!(names(&page), ["each night"]);
    let seen = stage.client(tenant, "fetcher").get("/api/v1/schedules").await.expect(200).json();
    assert_eq!(names(&seen), ["each day"]);

    let path = "/api/v1/schedules/each%20day";
    let run = client.post_empty(&format!("{path}/run")).await.expect(202);
    let job = run.json();
    assert_eq!(run.header("location"), job["links"]["self"].as_str());
    assert_eq!(job["details"], json!({"schedule": "each day"}));
    let id = job["id"].as_str().expect("an id").parse().expect("an id");
    assert_eq!(stage.settled(tenant, id).await.status.as_str(), "completed");

    let held = client.post_empty(&format!("{path}/pause")).await.expect(200).json();
    assert_eq!((&held["paused"], &held["next_at"]), (&json!(true), &Value::Null));
    client.post_empty(&format!("{path}/pause")).await.expect(409);
    let going = client.post_empty(&format!("{path}/resume")).await.expect(200).json();
    assert!(going["next_at"].is_string(), "{going}");
    client.post_empty("/api/v1/schedules/none/run").await.expect(404);
    stage.client("scheduled-elsewhere", "operator").post_empty(&format!("{path}/run")).await.expect(404);
    stage.client(tenant, "reader").post_empty(&format!("{path}/run")).await.expect(403);
}
