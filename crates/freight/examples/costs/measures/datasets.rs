//! Datasets, their records and runs, and what waits because of them.

use serde_json::json;

use super::desk::{Desk, ROOMY, Sent, body, lines, place};
use super::{Measure, Most};

/// So many records a file has.
const RECORDS: usize = 1_000;
/// So many users there are, few enough that of each shard all are read at once.
const USERS: usize = 500;
const PEOPLE: &str = "/api/v1/datasets/people";

pub(super) async fn measures() -> Vec<Measure> {
    let mut desk = Desk::open(ROOMY).await;
    records(&mut desk).await;
    runs(&mut desk).await;
    users(&mut desk).await;
    let list = ["dataset_list", "GET /api/v1/datasets", "three datasets"];
    desk.get(list, Most::of(5.0, [50.0, 0.0]).counted(), "/api/v1/datasets").await;
    let delete = ["dataset_delete", "DELETE /api/v1/datasets/{name}", "until its job is durable"];
    desk.cost(delete, Most::of(3.0, [2.0, 54.0]).counted().ringing(1.0), PEOPLE, None).await;
    desk.close()
}

/// A record of some 0.3 KB.
fn record(n: usize) -> String {
    let pad = "x".repeat(220);
    format!(
        "{{\"id\":{n},\"last_name\":\"name {:05}\",\"email\":\"{n}@example.com\",\"note\":\"{pad}\"}}\n",
        n * 7919 % 10_007
    )
}

fn file(from: usize, records: usize) -> Sent {
    lines((from..from + records).map(record).collect())
}

async fn records(desk: &mut Desk) {
    let create = ["dataset_create", "POST /api/v1/datasets", "without a source"];
    let dataset = |name: &str| body(&json!({ "name": name, "key": "id", "sort": "last_name" }));
    let most = Most::of(5.0, [19.0, 34.0]).counted();
    desk.second(create, most, "/api/v1/datasets", [dataset("things"), dataset("people")]).await;
    let import = "POST /api/v1/datasets/{name}/import";
    let to = format!("{PEOPLE}/import");
    let ones = [1, 2].map(|n| file(RECORDS * n, 1));
    desk.second(["import_one", import, "one record"], Most::of(2.0, [1.0, 6.0]), &to, ones).await;
    let files = [file(0, RECORDS), file(RECORDS * 4, RECORDS)];
    let record = ["record", import, "a record of 0.3 KB, with 999 others"];
    desk.each(record, Most::of(0.033, [0.001, 4.078]), &to, files, RECORDS).await;
    let get = ["dataset", "GET /api/v1/datasets/{name}", ""];
    desk.get(get, Most::of(2.0, [17.0, 0.0]).counted(), PEOPLE).await;
    let get = ["record_get", "GET /api/v1/datasets/{name}/records/{key}", ""];
    desk.get(get, Most::of(3.0, [3.0, 0.0]), &format!("{PEOPLE}/records/7")).await;
    let page = ["records_page", "GET /api/v1/datasets/{name}/records", "100 of them, a merge of 16 shards"];
    desk.get(page, Most::of(17.0, [49.0, 0.0]), &format!("{PEOPLE}/records?limit=100")).await;
    // Of each shard two pages.
    let export = ["export", "GET /api/v1/datasets/{name}/export", "2,002 records"];
    desk.get(export, Most::of(33.0, [220.0, 0.0]), &format!("{PEOPLE}/export")).await;
    let update = ["dataset_update", "PATCH /api/v1/datasets/{name}", ""];
    let public = body(&json!({ "public": true }));
    desk.cost(update, Most::of(5.0, [19.0, 1.0]).counted(), PEOPLE, public).await;
}

/// Runs that nobody works on.
async fn runs(desk: &mut Desk) {
    let fetch = || body(&json!({}));
    let first = place(&desk.ask("POST /fetch-data", "/fetch-data", fetch()).await);
    // Of the two topics with work, each tenant's four shards, and what waits in one of them.
    let queues = ["queue_list", "GET /api/v1/queues", "a job and the pruning of one tenant wait"];
    desk.get(queues, Most::of(13.0, [13.0, 0.0]).counted(), "/api/v1/queues").await;
    desk.client.delete(&first).await.expect(200);
    let accepted = Most::of(2.0, [1.0, 20.0]).counted().ringing(1.0);
    let start = ["fetch", "POST /fetch-data", "it starts a run"];
    let run = place(&desk.cost(start, accepted, "/fetch-data", fetch()).await);
    let join = ["join", "POST /fetch-data", "while a run is under way: it joins"];
    desk.cost(join, Most::of(4.0, [12.0, 20.0]).counted(), "/fetch-data", fetch()).await;
    desk.client.delete(&run).await.expect(200);
    let start = ["dataset_fetch", "POST /api/v1/datasets/{name}/fetch", "it starts a run"];
    desk.cost(start, accepted, "/api/v1/datasets/users/fetch", fetch()).await;
}

async fn users(desk: &mut Desk) {
    let status = ["status", "GET /status", "before the first run has ended"];
    desk.get(status, Most::of(2.0, [2.0, 0.0]).counted(), "/status").await;
    let import = "POST /api/v1/datasets/{name}/import";
    desk.ask(import, "/api/v1/datasets/users/import", file(0, USERS)).await;
    let view = ["view_data", "GET /view-data", "500 users"];
    desk.get(view, Most::of(17.0, [61.0, 0.0]), "/view-data").await;
}
