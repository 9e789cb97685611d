//! Who may do what.

use serde_json::json;
use testkit::{Answer, Client};

use super::{Callers, cart};

pub(super) async fn cases(callers: &Callers) {
    who_only_reads_changes_nothing(callers).await;
    nobody_does_nothing(&callers.owner).await;
    what_is_anothers_is_not_there(callers).await;
}

/// Every route there is, of this cart.
async fn everything(client: &Client, cart: &str, write: bool) -> Vec<Answer> {
    let item = json!({ "entity_type": "a", "entity_id": "1" });
    let id = "0".repeat(64);
    if !write {
        return vec![
            client.get(cart).await,
            client.get(&format!("{cart}/manifest")).await,
            client.get(&format!("{cart}/summary")).await,
        ];
    }
    vec![
        client.put(cart, &json!({ "cart_name": "another" })).await,
        client.patch(cart, &json!({ "cart_name": "another" })).await,
        client.post(&format!("{cart}/items/"), &item).await,
        client.post(&format!("{cart}/items/"), &json!([item])).await,
        client.delete(&format!("{cart}/items/{id}")).await,
        client.post(&format!("{cart}/items/query"), &json!({ "entity_type": "flights", "filters": {} })).await,
        client.post(&format!("{cart}/combine"), &json!({ "with": "default", "op": "union" })).await,
    ]
}

async fn who_only_reads_changes_nothing(callers: &Callers) {
    let reader = &callers.reader;
    reader.post("/resources/carts/", &json!({ "cart_name": "a" })).await.expect(403);
    reader.get("/resources/carts/default").await.expect(200);
    for answer in everything(reader, "/resources/carts/default", true).await {
        answer.expect(403);
    }
    reader.delete("/resources/carts/default").await.expect(403);
}

async fn nobody_does_nothing(anyone: &Client) {
    let nobody = anyone.without_header("x-api-key");
    let wrong = nobody.with_header("authorization", "Bearer nonsense");
    for client in [nobody, wrong] {
        client.get("/resources/carts/").await.expect(401);
        client.post("/resources/carts/", &json!({ "cart_name": "a" })).await.expect(401);
        for write in [false, true] {
            for answer in everything(&client, "/resources/carts/default", write).await {
                answer.expect(401);
            }
        }
        client.delete("/resources/carts/default").await.expect(401);
    }
}

async fn what_is_anothers_is_not_there(callers: &Callers) {
    let mine = cart(&callers.owner, "private").await;
    for stranger in [&callers.other, &callers.stranger] {
        stranger.get("/resources/carts/default").await.expect(200);
        for write in [false, true] {
            for answer in everything(stranger, &mine, write).await {
                assert_eq!(answer.expect(404).json()["error"], "not_found");
            }
        }
        assert!(!stranger.get("/resources/carts/").await.expect(200).text().contains("private"));
    }
    callers.other.delete(&mine).await.expect(403);
    callers.stranger.delete(&mine).await.expect(404);
    assert_eq!(callers.owner.get(&mine).await.expect(200).json()["cart_name"], "private");
}
