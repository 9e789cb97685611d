//! Jobs that combine two carts; manifests and summaries.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testkit::Client;

use super::{Callers, cart, count, ended, field, fill, ids};

pub(super) async fn cases(callers: &Callers) {
    combinations_are_those_of_sets(&callers.owner).await;
    attributes_of_the_first_stay(&callers.owner).await;
    what_changes_meanwhile_is_not_lost(&callers.owner).await;
    equal_carts_give_equal_manifests(&callers.owner).await;
    a_summary_counts_types(&callers.owner).await;
    what_cannot_be_is_named(callers).await;
}

async fn combine(client: &Client, cart: &str, with: &str, op: &str) -> Value {
    let with = with.trim_start_matches("/resources/carts/");
    ended(client, client.post(&format!("{cart}/combine"), &json!({ "with": with, "op": op })).await).await
}

fn numbers(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    let mut texts: Vec<String> = numbers.into_iter().map(|n| n.to_string()).collect();
    texts.sort();
    texts
}

async fn combinations_are_those_of_sets(owner: &Client) {
    let other = cart(owner, "20 to 70").await;
    fill(owner, &other, 20..70).await;
    for (op, expected, added, present) in
        [("union", numbers(0..70), 40, 30), ("intersect", numbers(20..30), 0, 10), ("subtract", numbers(0..20), 0, 20)]
    {
        let at = cart(owner, &format!("to 30, {op}")).await;
        fill(owner, &at, 0..30).await;
        let job = combine(owner, &at, &other, op).await;
        assert_eq!((&job["status"], &job["total_parts"]), (&json!("completed"), &json!(16)), "{job}");
        assert_eq!((&job["items_added"], &job["items_present"]), (&json!(added), &json!(present)), "{op}");
        assert_eq!(job["items_found"], json!(added + present));
        assert_eq!(ids(owner, &at).await, expected, "{op}");
        assert_eq!(count(owner, &at).await, expected.len() as u64);
        let thing = json!({ "entity_type": "things", "entity_id": "new" });
        owner.post(&format!("{at}/items/"), &thing).await.expect(201);
        assert_eq!(count(owner, &at).await, expected.len() as u64 + 1);
    }
    assert_eq!(ids(owner, &other).await, numbers(20..70));
    let empty = cart(owner, "nothing").await;
    combine(owner, &empty, "default", "union").await;
    assert_eq!(ids(owner, &empty).await, ids(owner, "/resources/carts/default").await);
    combine(owner, &other, &other, "subtract").await;
    assert_eq!(count(owner, &other).await, 0);
}

async fn attributes_of_the_first_stay(owner: &Client) {
    let [one, two] = [cart(owner, "said one").await, cart(owner, "said two").await];
    for (at, said) in [(&one, "one"), (&two, "two")] {
        let thing = json!({ "entity_type": "a", "entity_id": "1", "attributes": { "said": said } });
        owner.post(&format!("{at}/items/"), &thing).await.expect(201);
    }
    combine(owner, &one, &two, "union").await;
    let shown = owner.get(&one).await.expect(200).json();
    assert_eq!(shown["items"][0]["attributes"], json!({ "said": "one" }));
}

/// Items that are put in while a combination runs are there afterwards: either it knew of them, or it
/// gave up.
async fn what_changes_meanwhile_is_not_lost(owner: &Client) {
    let [at, other] = [cart(owner, "changing").await, cart(owner, "constant").await];
    fill(owner, &at, 0..50).await;
    fill(owner, &other, 40..60).await;
    let with = other.trim_start_matches("/resources/carts/").to_owned();
    let accepted = owner.post(&format!("{at}/combine"), &json!({ "with": with, "op": "union" })).await.expect(202);
    fill(owner, &at, 1_000..1_001).await;
    let job = ended(owner, accepted).await;
    let expected = match job["status"].as_str() {
        Some("completed") => numbers((0..60).chain([1_000])),
        _ => {
            assert!(job["error"].as_str().is_some_and(|why| why.contains("changed")), "{job}");
            let items = ["items_found", "items_added", "items_present"].map(|name| &job[name]);
            assert_eq!(items, [&Value::Null, &json!(0), &json!(0)], "nothing of the result is there");
            numbers((0..50).chain([1_000]))
        }
    };
    assert_eq!(ids(owner, &at).await, expected, "{job}");
}

async fn equal_carts_give_equal_manifests(owner: &Client) {
    let [one, two] = [cart(owner, "up").await, cart(owner, "down").await];
    fill(owner, &one, 0..60).await;
    fill(owner, &two, (0..60).rev()).await;
    fill(owner, &two, 0..30).await;
    for (format, media) in [
        ("ndjson", "application/x-ndjson"),
        ("json", "application/json"),
        ("csv", "text/csv; charset=utf-8"),
        ("tsv", "text/tab-separated-values; charset=utf-8"),
    ] {
        let manifest = async |at: &str| owner.get(&format!("{at}/manifest?format={format}")).await;
        let [one, two] = [manifest(&one).await.expect(200), manifest(&two).await.expect(200)];
        assert_eq!((one.header("content-type"), one.header("trailer")), (Some(media), Some("Repr-Digest")));
        assert_eq!(one.text(), two.text());
        assert!(one.text().lines().count() >= 60);
        assert_eq!(one.trailers.is_some(), owner.is_in_process());
        if let Some(trailers) = &one.trailers {
            let digest = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(&one.bytes)));
            assert_eq!(trailers["repr-digest"], digest);
        }
    }
    let rows = owner.get(&format!("{one}/manifest?format=json")).await.expect(200).json();
    let row = &rows[0];
    assert_eq!(
        row.as_object().map(|row| row.keys().cloned().collect::<Vec<_>>()),
        Some(["entity_type", "entity_id", "entity_version", "attributes"].map(str::to_owned).to_vec())
    );
    let csv = owner.get(&format!("{one}/manifest?format=csv")).await.expect(200).text();
    assert!(csv.starts_with("entity_type,entity_id,entity_version,attributes\nthings,"), "{csv}");
    assert_eq!(field(&owner.get(&format!("{one}/manifest?format=xml")).await.expect(412)), "format");
}

async fn a_summary_counts_types(owner: &Client) {
    let at = cart(owner, "types").await;
    fill(owner, &at, 0..10).await;
    let other = owner.post(&format!("{at}/items/"), &json!({ "entity_type": "b", "entity_id": "1" })).await.expect(201);
    let summary = owner.get(&format!("{at}/summary")).await.expect(200).json();
    assert_eq!((&summary["items_count"], &summary["entity_types"]), (&json!(11), &json!({ "b": 1, "things": 10 })));
    let item = other.json()["id"].as_str().expect("an id").to_owned();
    owner.delete(&format!("{at}/items/{item}")).await.expect(200);
    let summary = owner.get(&format!("{at}/summary")).await.expect(200).json();
    assert_eq!(summary["entity_types"], json!({ "things": 10 }));
}

async fn what_cannot_be_is_named(callers: &Callers) {
    let owner = &callers.owner;
    let at = cart(owner, "bad combinations").await;
    let theirs = cart(&callers.other, "theirs").await;
    let theirs = theirs.trim_start_matches("/resources/carts/");
    for (body, expected) in [
        (json!({}), "with"),
        (json!({ "with": "default" }), "op"),
        (json!({ "with": "1", "op": "union" }), "with"),
        (json!({ "with": theirs, "op": "union" }), "with"),
        (json!({ "with": "default", "op": "xor" }), "op"),
    ] {
        assert_eq!(field(&owner.post(&format!("{at}/combine/"), &body).await.expect(412)), expected, "{body}");
    }
}
