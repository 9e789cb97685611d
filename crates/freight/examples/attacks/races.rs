//! Many want what one can have: the name of a tenant, the name of a dataset, the run of a dataset, the
//! default cart, the name of a cart, to put the same thing in a cart, the unique key of a task, the first
//! key of an empty store, an address to sign up with.
//!
//! In each round two hundred clients want each of them at once, and put the same thing in a thousand
//! times. One gets it, the others learn that it is taken, or get the very same thing where that is the
//! promise. A second server on which one client makes the same rounds shows what there is to be in the
//! store: an item more is an orphan.
//!
//! The broken server looks whether there is something before it inserts it.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use accounts::Accounts;
use accounts::contract::Mailbox;
use async_trait::async_trait;
use base::intercept::{Intercept, Intercepted};
use base::store::{StoreError, Version, When, Write};
use base::{Ctx, Principal, RequestId, Scopes, Store, StoreExt as _, TaskId, TenantId};
use freight::compose::{Freight, Settings};
use jobs::{NewJob, NewTask, OnTaken};
use serde_json::{Value, json};
use testkit::{Answer, Client};
use uuid::Uuid;

use crate::Found;
use crate::rig::{Rig, at_once, first_caller, unlimited};

const CLIENTS: usize = 200;
/// So many times each puts the thing in: it is a thousand at once then.
const ADDS_EACH: usize = 5;
/// So many of them sign up: a password is slow on purpose, and more would be told to come back.
const SIGN_UPS: usize = 32;

/// Some rounds of a crowd, and the same of one alone.
pub(crate) async fn run(rounds: u64, broken: bool) -> Found {
    let mut crowd = Contests::new(CLIENTS, broken).await;
    let mut alone = Contests::new(1, false).await;
    for round in 0..rounds {
        crowd.round(round).await;
        alone.round(round).await;
    }
    let mut wrong = crowd.wrong;
    wrong.extend(alone.wrong);
    let (there, expected) = (crowd.rig.ledger().items(), alone.rig.ledger().items());
    if there != expected {
        wrong.push(format!("the crowd left {there:?}, one alone {expected:?}"));
    }
    let figures = json!({ "clients": CLIENTS, "contests": crowd.contests, "wanted": crowd.wanted, "won": crowd.won });
    Found { figures, wrong }
}

struct Contests {
    rig: Rig,
    clients: usize,
    broken: bool,
    freight: Freight,
    admin: Client,
    mailbox: Mailbox,
    contests: u64,
    wanted: usize,
    won: usize,
    wrong: Vec<String>,
}

impl Contests {
    async fn new(clients: usize, broken: bool) -> Self {
        let rig = Rig::timed();
        let mailbox = Mailbox::default();
        let settings = Settings { post: Some(Arc::new(mailbox.clone())), ..Settings::default() };
        let freight = rig.server(through(rig.store.clone(), broken), settings).await;
        let admin = first_caller(&freight).await;
        Self { rig, clients, broken, freight, admin, mailbox, contests: 0, wanted: 0, won: 0, wrong: Vec::new() }
    }

    async fn round(&mut self, round: u64) {
        let slug = format!("tenant-{round}");
        let body = json!({ "name": slug, "slug": slug, "settings": unlimited() });
        self.taken_by_one("a slug", &self.admin.clone(), "/api/v1/tenants", body).await;
        let member = self.admin.with_header("freight-tenant", &slug);
        let body = json!({ "name": "companies", "key": "id" });
        self.taken_by_one("a dataset", &member, "/api/v1/datasets", body).await;
        self.one_run(&member).await;
        self.taken_by_one("a cart's name", &member, "/resources/carts/", json!({ "cart_name": slug })).await;
        self.one_default_cart(&member).await;
        self.one_item(&member).await;
        self.one_task(round).await;
        self.one_job(round).await;
        self.one_first_key().await;
        self.one_user(round).await;
    }

    /// One makes it, the others are told that it is there.
    async fn taken_by_one(&mut self, what: &str, client: &Client, path: &'static str, body: Value) {
        let answers = posted(self.clients, client, path, &body).await;
        let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
        self.judge(what, self.clients, count(201), count(409), self.clients - 1);
    }

    /// All get the same run, which one of them started.
    async fn one_run(&mut self, client: &Client) {
        let answers = posted(self.clients, client, "/fetch-data", &json!({ "calls": 1 })).await;
        let runs: Vec<Value> = answers.iter().filter(|answer| answer.status == 202).map(Answer::json).collect();
        let ids: HashSet<&str> = runs.iter().filter_map(|run| run["id"].as_str()).collect();
        let joined = runs.iter().filter(|run| run["joined"] == true).count();
        self.judge("a run", self.clients, runs.len() - joined, joined, self.clients - 1);
        self.judge("the id of a run", self.clients, ids.len(), runs.len(), self.clients);
    }

    /// All are given the same cart, which one of them made.
    async fn one_default_cart(&mut self, client: &Client) {
        let call = |_| {
            let client = client.clone();
            async move { client.get("/resources/carts/default").await }
        };
        let answers = at_once(self.clients, call).await;
        let carts: Vec<Value> = answers.iter().filter(|answer| answer.status == 200).map(Answer::json).collect();
        let ids: HashSet<&str> = carts.iter().filter_map(|cart| cart["id"].as_str()).collect();
        self.judge("a default cart", self.clients, ids.len(), carts.len(), self.clients);
    }

    /// One puts it in, the others find it there.
    async fn one_item(&mut self, client: &Client) {
        let thing = json!({ "entity_type": "things", "entity_id": "one" });
        let adding = self.clients * ADDS_EACH;
        let answers = posted(adding, client, "/resources/carts/default/items/", &thing).await;
        let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
        self.judge("an item", adding, count(201), count(200), adding - 1);
        let summary = client.get("/resources/carts/default/summary").await.json();
        let items = summary["items_count"].as_u64().and_then(|items| usize::try_from(items).ok());
        self.judge("the count of a cart", adding, items.unwrap_or(0), adding, adding);
    }

    /// All are given the same task.
    async fn one_task(&mut self, round: u64) {
        let engine = self.freight.engine.clone();
        let tasks = at_once(self.clients, |_| {
            let engine = engine.clone();
            async move {
                let unique = Some((format!("task-{round}"), OnTaken::Join));
                let new = NewTask { unique, ..NewTask::new("jobs.tick", "{}".to_owned()) };
                engine.task_enqueue(&tenant(), new, Vec::new()).await.ok()
            }
        });
        let tasks: Vec<TaskId> = tasks.await.into_iter().flatten().collect();
        let ids: HashSet<Uuid> = tasks.iter().map(|task| task.uuid()).collect();
        self.judge("the unique key of a task", self.clients, ids.len(), tasks.len(), self.clients);
    }

    /// All are given the same job, which one of them made.
    async fn one_job(&mut self, round: u64) {
        let engine = self.freight.engine.clone();
        let now = self.rig.clock.now();
        let jobs = at_once(self.clients, |_| {
            let engine = engine.clone();
            async move {
                let principal = Principal::new("key:race");
                let ctx = Ctx::new(tenant(), principal, Scopes::default(), RequestId::random(), now, Uuid::new_v4());
                let unique = Some(format!("job-{round}"));
                let new = NewJob { unique, ..NewJob::new("ingest.fetch", "{}".to_owned()) };
                engine.job_enqueue(&ctx, new).await.ok().map(|made| (made.job.id, made.joined))
            }
        });
        let jobs: Vec<_> = jobs.await.into_iter().flatten().collect();
        let ids: HashSet<_> = jobs.iter().map(|(id, _)| id.uuid()).collect();
        let joined = jobs.iter().filter(|(_, joined)| *joined).count();
        self.judge("the unique key of a job", self.clients, jobs.len() - joined, joined, self.clients - 1);
        self.judge("the id of a job", self.clients, ids.len(), jobs.len(), self.clients);
    }

    /// One makes the first key of an empty store.
    async fn one_first_key(&mut self) {
        let rig = Rig::timed();
        let store = through(rig.store.clone(), self.broken);
        let clock = rig.clock.clone();
        let keys = at_once(self.clients, |_| {
            let accounts = Accounts::new(accounts::Deps { store: store.clone(), clock: clock.clone() });
            async move { accounts.bootstrap().await.map(|key| key.is_some()) }
        });
        let keys = keys.await;
        let (first, late) =
            (keys.iter().filter(|key| matches!(key, Ok(true))), keys.iter().filter(|key| matches!(key, Ok(false))));
        self.judge("the first key", self.clients, first.count(), late.count(), self.clients - 1);
    }

    /// One becomes the user of an address, and is written to; all are answered the same.
    async fn one_user(&mut self, round: u64) {
        let email = format!("jane-{round}@example.com");
        let clients = self.clients.min(SIGN_UPS);
        let answers = at_once(clients, |n| {
            let from = Ipv4Addr::from_bits(0x0a00_0000 | u32::try_from(n).unwrap());
            let client = self.admin.without_header("x-api-key").from_peer((from, 4711).into());
            let body = json!({ "email": email, "password": format!("the password of {n}") });
            async move { client.post("/v1/auth/signup", &body).await }
        });
        let told = answers.await.iter().filter(|answer| answer.status == 201).count();
        self.mailbox.letter(&email, 1).await;
        self.judge("an address", clients, self.mailbox.count(&email), told, clients);
    }

    /// Of so many one has won, and as many as expected were told so properly.
    fn judge(&mut self, what: &str, of: usize, winners: usize, told: usize, expected: usize) {
        self.contests += 1;
        self.wanted += of;
        self.won += winners;
        if winners != 1 || told != expected {
            self.wrong.push(format!("{what}: {winners} of {of} won, {told} of {expected} were told"));
        }
    }
}

/// So many send the same at once.
async fn posted(clients: usize, client: &Client, path: &'static str, body: &Value) -> Vec<Answer> {
    let call = |_| {
        let (client, body) = (client.clone(), body.clone());
        async move { client.post(path, &body).await }
    };
    at_once(clients, call).await
}

fn tenant() -> TenantId {
    TenantId::DEFAULT.parse().unwrap()
}

fn through(store: Arc<dyn Store>, broken: bool) -> Arc<dyn Store> {
    if broken { Arc::new(Intercepted::new(store, LooksFirst)) } else { store }
}

/// Looks whether there is something, and then writes whatever has come meanwhile.
struct LooksFirst;

#[async_trait]
impl Intercept for LooksFirst {
    async fn write(&self, inner: &Arc<dyn Store>, mut writes: Vec<Write>) -> Result<Version, StoreError> {
        let mut taken = Vec::new();
        for (n, write) in writes.iter_mut().enumerate().filter(|(_, write)| write.when == When::Absent) {
            if inner.get(write.key.clone()).await?.is_some() {
                taken.push(n);
            }
            write.when = When::Always;
        }
        if taken.is_empty() { inner.write(writes).await } else { Err(StoreError::Failed(taken)) }
    }
}
