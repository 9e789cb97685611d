//! Carts, what lies in them, and the jobs that fill and combine them.

use serde_json::json;

use super::desk::{Desk, ROOMY, Sent, body, place};
use super::{Measure, Most};

pub(super) async fn measures() -> Vec<Measure> {
    let mut desk = Desk::open(ROOMY).await;
    let people = json!({ "name": "people", "key": "id" });
    desk.client.post("/api/v1/datasets", &people).await.expect(201);
    let create = ["cart_create", "POST /resources/carts/", ""];
    let most = Most::of(3.0, [17.0, 42.0]).counted();
    let cart = place(&desk.second(create, most, "/resources/carts/", [named("one"), named("two")]).await);
    let other = place(&desk.ask(create[1], "/resources/carts/", named("three")).await);
    let list = ["cart_list", "GET /resources/carts/", "three carts"];
    desk.get(list, Most::of(5.0, [52.0, 0.0]), "/resources/carts/").await;
    items(&mut desk, &cart).await;
    // The cart, its name, the name that it had; and how much lies in it.
    let rename = Most::of(3.0, [17.0, 6.0]).counted();
    desk.cost(["cart_put", "PUT /resources/carts/{id}", "another name"], rename, &cart, named("zwei")).await;
    desk.cost(["cart_patch", "PATCH /resources/carts/{id}", "another name"], rename, &cart, named("deux")).await;
    jobs(&mut desk, &cart, &other).await;
    let delete = ["cart_delete", "DELETE /resources/carts/{id}", "until its job is durable"];
    desk.cost(delete, Most::of(4.0, [18.0, 58.0]).counted().ringing(1.0), &cart, None).await;
    desk.close()
}

fn named(name: &str) -> Sent {
    body(&json!({ "cart_name": name }))
}

async fn items(desk: &mut Desk, cart: &str) {
    let add = ["item_add", "POST /resources/carts/{id}/items/", "a new one"];
    let item = |id: &str| body(&json!({ "entity_type": "people", "entity_id": id }));
    let to = format!("{cart}/items/");
    let added = desk.second(add, Most::of(3.0, [2.0, 6.0]), &to, [item("1"), item("2")]).await.json();
    // The cart before and after, and between them each digit that an id can begin with.
    let all = Most::of(18.0, [18.0, 0.0]);
    desk.get(["cart_get", "GET /resources/carts/{id}", "two items"], all, cart).await;
    let manifest = ["manifest", "GET /resources/carts/{id}/manifest", "two items"];
    desk.get(manifest, all, &format!("{cart}/manifest")).await;
    let summary = ["summary", "GET /resources/carts/{id}/summary", "one type"];
    desk.get(summary, Most::of(19.0, [34.0, 0.0]), &format!("{cart}/summary")).await;
    let delete = ["item_delete", "DELETE /resources/carts/{id}/items/{item_id}", ""];
    let path = format!("{to}{}", added["id"].as_str().unwrap());
    desk.cost(delete, Most::of(3.0, [2.0, 8.0]), &path, None).await;
}

async fn jobs(desk: &mut Desk, cart: &str, other: &str) {
    let with = other.rsplit('/').next().unwrap();
    let union = || body(&json!({ "with": with, "op": "union" }));
    let combine = ["combine", "POST /resources/carts/{id}/combine", "until its job is durable"];
    let most = Most::of(4.0, [18.0, 22.0]).counted().ringing(1.0);
    desk.second(combine, most, &format!("{cart}/combine"), [union(), union()]).await;
    let everybody = || body(&json!({ "entity_type": "people", "filters": {} }));
    let query = ["query", "POST /resources/carts/{id}/items/query", "until its job is durable"];
    let most = Most::of(3.0, [2.0, 20.0]).counted().ringing(1.0);
    let to = format!("{cart}/items/query");
    let job = place(&desk.second(query, most, &to, [everybody(), everybody()]).await);
    let look = Most::of(2.0, [11.0, 0.0]);
    desk.get(["cart_job_get", "GET /resources/cart-item-batch-jobs/{job_id}", ""], look, &job).await;
    let post = ["cart_job_post", "POST /resources/cart-item-batch-jobs/{job_id}", ""];
    desk.cost(post, look, &job, None).await;
    let cancel = ["cart_job_cancel", "DELETE /resources/cart-item-batch-jobs/{job_id}", ""];
    desk.cost(cancel, Most::of(5.0, [22.0, 14.0]).counted().ringing(1.0), &job, None).await;
}
