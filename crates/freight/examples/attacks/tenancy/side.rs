//! A tenant with something of everything, each of which can be told from another tenant's.

use std::collections::BTreeMap;

use base::TenantId;
use bytes::Bytes;
use http::Method;
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use testkit::Client;

use crate::rig::unlimited;

/// How many of a thing a tenant has, at least.
const MANY: usize = 4;

/// A tenant, a caller with its keys, and what it has.
pub(crate) struct Side {
    pub(crate) tenant: TenantId,
    pub(crate) client: Client,
    /// In every name and every value of this tenant, and nowhere else.
    pub(crate) marker: String,
    /// Ids by the segment of the path before them.
    pub(crate) ids: BTreeMap<&'static str, Vec<String>>,
    /// Ids of what is no longer there.
    pub(crate) deleted: BTreeMap<&'static str, String>,
}

impl Side {
    /// Makes one. The engine's workers must run, and users must be fetched from a stand-in.
    pub(crate) async fn new(platform: &Client, dice: &mut StdRng) -> Self {
        let marker = format!("m{:016x}", dice.random::<u64>());
        let body = json!({ "name": marker, "slug": marker, "settings": unlimited() });
        let tenant = platform.post("/api/v1/tenants", &body).await.expect(201).json();
        let acting = platform.with_header("freight-tenant", &marker);
        let made = acting.post("/api/v1/keys", &json!({ "name": marker, "role": "admin" })).await.expect(201).json();
        let client = acting.without_header("freight-tenant").with_key(made["key"].as_str().unwrap());
        let tenant = text(&tenant, "id");
        let ids = BTreeMap::from([("tenants", vec![tenant.clone(), marker.clone()])]);
        let mut side = Self { tenant: tenant.parse().unwrap(), client, marker, ids, deleted: BTreeMap::new() };
        side.keys().await;
        side.datasets().await;
        side.series().await;
        side.runs().await;
        side.carts().await;
        side
    }

    async fn keys(&mut self) {
        let mut ids = Vec::new();
        for n in 0..MANY {
            let ask = json!({ "name": format!("{}-{n}", self.marker), "role": "reader" });
            ids.push(text(&self.client.post("/api/v1/keys", &ask).await.expect(201).json(), "id"));
        }
        self.ids.insert("keys", ids);
    }

    async fn datasets(&mut self) {
        let (mut names, mut records) = (Vec::new(), Vec::new());
        for n in 0..=MANY {
            let name = format!("{}-{n}", self.marker);
            let source = json!({ "url": "https://users.example/all", "schedule": "0 0 1 1 *" });
            let dataset = json!({ "name": name, "key": "id", "source": source });
            self.client.post("/api/v1/datasets", &dataset).await.expect(201);
            records = (0..3).map(|n| format!("{}r{n}", self.marker)).collect();
            let lines = records.iter().map(|id| json!({ "id": id, "value": self.marker }).to_string() + "\n");
            let body = Some(("application/x-ndjson", Bytes::from(lines.collect::<String>())));
            self.client.send_bytes(Method::POST, &format!("/api/v1/datasets/{name}/import"), body).await.expect(207);
            names.push(name);
        }
        self.ids.insert("records", records);
        self.lose("datasets", names).await;
        let schedules = self.client.get("/api/v1/schedules").await.expect(200).json();
        self.ids.insert("schedules", all(&schedules, "id"));
    }

    /// A series of its own name, and the one that every tenant has.
    async fn series(&mut self) {
        for name in [self.marker.as_str(), "default"] {
            let reading = json!({ "name": name, "data": { "temp": 21.5, "word": self.marker } });
            self.client.post("/source/write_raw", &reading).await.expect(200);
        }
        self.ids.insert("series", vec![self.marker.clone()]);
    }

    /// Carts with the same items in each, and jobs that filled them. None is deleted: to its owner a cart
    /// is told from one that never was for a while.
    async fn carts(&mut self) {
        let (mut carts, mut items, mut jobs) = (Vec::new(), Vec::new(), Vec::new());
        let waiting = self.client.with_header("prefer", "wait=30");
        for n in 0..=MANY {
            let name = json!({ "cart_name": format!("{}-{n}", self.marker) });
            let cart = text(&self.client.post("/resources/carts/", &name).await.expect(201).json(), "id");
            let thing = |n: usize| {
                let said = json!({ "word": self.marker });
                json!({ "entity_type": "things", "entity_id": format!("{}-{n}", self.marker), "attributes": said })
            };
            let list: Vec<Value> = (0..=MANY).map(thing).collect();
            let put =
                self.client.post(&format!("/resources/carts/{cart}/items/"), &json!(list)).await.expect(207).json();
            items = put["results"].as_array().unwrap().iter().map(|row| text(row, "id")).collect();
            let query = json!({ "entity_type": format!("{}-1", self.marker), "filters": {} });
            let job =
                self.client.post(&format!("/resources/carts/{cart}/items/query"), &query).await.expect(202).json();
            let ended = waiting.get(job["links"]["self"].as_str().unwrap()).await.expect(200).json();
            assert_eq!(ended["items_added"], 3, "{ended}");
            jobs.push(text(&job, "id"));
            carts.push(cart);
        }
        self.ids.insert("carts", carts);
        self.ids.insert("items", items);
        self.ids.insert("cart-item-batch-jobs", jobs);
    }

    /// Runs of which some calls fail for good, so that there are dead letters.
    async fn runs(&mut self) {
        let waiting = self.client.with_header("prefer", "wait=30");
        for _ in 0..=MANY {
            let ask = json!({ "calls": 8, "size": { "min": 90, "max": 200 } });
            waiting.post("/fetch-data", &ask).await.expect(200);
        }
        let jobs = self.client.get("/api/v1/jobs?kind=ingest.fetch").await.expect(200).json();
        self.ids.insert("jobs", all(&jobs, "id"));
        let letters = self.client.get("/api/v1/dead-letters").await.expect(200).json();
        self.lose("dead-letters", all(&letters, "id")).await;
    }

    /// Deletes the first of them and keeps the others.
    async fn lose(&mut self, kind: &'static str, mut ids: Vec<String>) {
        assert!(ids.len() > MANY, "only {} {kind}", ids.len());
        let lost = ids.remove(0);
        let answer = self.client.delete(&format!("/api/v1/{kind}/{lost}")).await;
        assert!(answer.status.is_success(), "{kind}: {}", answer.text());
        self.deleted.insert(kind, lost);
        self.ids.insert(kind, ids);
    }
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no text {field} in {value}")).to_owned()
}

fn all(page: &Value, field: &str) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| text(item, field)).collect()
}
