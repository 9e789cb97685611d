//! Dead letters.

use serde_json::{Value, json};
use testkit::Client;

use super::{Stage, Toy};

const PATH: &str = "/api/v1/dead-letters";

fn broken(name: &str) -> Toy {
    Toy { broken: true, ..Toy::of(name, 2) }
}

async fn letters(client: &Client, query: &str) -> Vec<Value> {
    let list = client.get(&format!("{PATH}{query}")).await.expect(200).json();
    list["items"].as_array().expect("items").clone()
}

fn path(letter: &Value) -> String {
    format!("{PATH}/{}", letter["id"].as_str().expect("an id"))
}

pub(super) async fn a_dead_letter_is_mended_and_redriven(stage: &Stage) {
    let tenant = "mended";
    let id = stage.made(tenant, Stage::FETCH, &[Toy::of("a", 1), broken("b")]).await.id;
    let client = stage.client(tenant, "operator");
    let letters = letters(&client, "").await;
    let [letter] = &letters[..] else { panic!("one letter: {letters:?}") };
    assert_eq!((&letter["kind"], &letter["reason"]), (&json!("toy.fetch"), &json!("broken")));
    assert_eq!((&letter["job_id"], &letter["batch"]), (&json!(id.to_string()), &json!(1)));
    assert_eq!((&letter["attempts"], &letter["context"]), (&json!(1), &json!({"asked": "b"})));
    assert_eq!(letter["payload"]["broken"], true);
    assert_eq!(client.get(&path(letter)).await.expect(200).json(), *letter);

    // The payload keeps its numbers as they are written.
    let mend = br#"{"payload": {"name": "b", "records": 2, "size": 1.50, "id": 99999999999999999999}}"#;
    let body = Some(("application/json", mend.as_slice().to_vec().into()));
    let patch = "PATCH".parse().expect("a method");
    let mended = client.send_bytes(patch, &path(letter), body).await.expect(200).text();
    assert!(mended.contains(r#""size": 1.50, "id": 99999999999999999999"#), "{mended}");
    let redriven = client.post_empty(&format!("{}/redrive", path(letter))).await.expect(200).json();
    assert_eq!(redriven, json!({"redriven": 1}));
    let job = stage.settled(tenant, id).await;
    assert_eq!((job.status.as_str(), job.counts.processed), ("completed", 3));
    client.get(&path(letter)).await.expect(404);

    let id = letter["id"].as_str().expect("an id");
    let acts = [format!("dead_letter.mended {id}"), format!("dead_letter.redriven {id}")];
    assert_eq!(stage.audit.of(tenant), acts);
}

pub(super) async fn dead_letters_are_redriven_by_kind(stage: &Stage) {
    let tenant = "all-redriven";
    stage.made(tenant, Stage::COMBINE, &[broken("a")]).await;
    let fetch = stage.made(tenant, Stage::FETCH, &[broken("a"), broken("b")]).await.id;
    let client = stage.client(tenant, "operator");
    assert_eq!(letters(&client, "").await.len(), 3);
    assert_eq!(letters(&client, "?kind=toy.fetch").await.len(), 2);
    let redriven = client.post(&format!("{PATH}/redrive"), &json!({"kind": "toy.fetch"})).await;
    assert_eq!(redriven.expect(200).json(), json!({"redriven": 2}));
    // They are as broken as before.
    stage.settled(tenant, fetch).await;
    assert_eq!(letters(&client, "").await.len(), 3);
    let redriven = client.post_empty(&format!("{PATH}/redrive")).await.expect(200).json();
    assert_eq!(redriven, json!({"redriven": 3}));
    let acts = ["dead_letters.redriven toy.fetch", "dead_letters.redriven every kind"];
    assert_eq!(stage.audit.of(tenant), acts);
}

pub(super) async fn a_dead_letter_is_dropped(stage: &Stage) {
    let tenant = "dropped";
    let id = stage.made(tenant, Stage::FETCH, &[broken("a")]).await.id;
    let client = stage.client(tenant, "operator");
    let letter = letters(&client, "").await.remove(0);
    client.delete(&path(&letter)).await.expect(204);
    client.delete(&path(&letter)).await.expect(404);
    assert_eq!(letters(&client, "").await, Vec::<Value>::new());
    assert_eq!(stage.settled(tenant, id).await.counts.batches_failed, 1, "its batch stays failed");
}

pub(super) async fn a_dead_letter_of_another_tenant_is_not_there(stage: &Stage) {
    stage.made("letters", Stage::FETCH, &[broken("a")]).await;
    let own = stage.client("letters", "operator");
    let letter = letters(&own, "").await.remove(0);
    let stranger = stage.client("letters-of-others", "operator");
    assert_eq!(letters(&stranger, "").await, Vec::<Value>::new());
    let id = letter["id"].as_str().expect("an id");
    for id in [id, "019b76da-a800-7c50-b1a5-2f6cc4d8e0f1", "4711"] {
        let path = format!("{PATH}/{id}");
        let problem = stranger.get(&path).await.expect(404).json();
        assert_eq!(problem["detail"], format!("Dead letter {id} not found"));
        stranger.patch(&path, &json!({"payload": {}})).await.expect(404);
        stranger.post_empty(&format!("{path}/redrive")).await.expect(404);
        stranger.delete(&path).await.expect(404);
    }
    let reader = stage.client("letters", "reader");
    reader.patch(&path(&letter), &json!({"payload": {}})).await.expect(403);
    reader.post_empty(&format!("{}/redrive", path(&letter))).await.expect(403);
    stage.client("letters", "fetcher").get(&path(&letter)).await.expect(403);
    let large = json!({"payload": "x".repeat(256 << 10)});
    let problem = own.patch(&path(&letter), &large).await.expect(422).json();
    assert_eq!(problem["details"][0]["field"], "payload");
    own.patch(&path(&letter), &json!({})).await.expect(422);
}
