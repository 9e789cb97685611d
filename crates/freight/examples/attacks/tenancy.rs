//! One tenant asks for what is another's, over every route there is.
//!
//! The routes are those of the served OpenAPI document: one with a parameter or a body that is not known
//! here is uncovered, and that is wrong too. Each is asked, with the key of a tenant's admin, for ids of
//! another tenant, for ids of the caller's own that were deleted, and for ids that never were: drawn, and
//! next to one that is. Then on behalf of the other tenant, and with the other's cursors. Three things are
//! judged:
//!
//! - *The answer* to an id of another tenant is the answer to one that never was, to the letter.
//! - *The words* of the other tenant, a marker in all that it has, are in no answer.
//! - *The store*: no partition of the other tenant was read or written meanwhile.
//!
//! And the caller's own ids must be answered otherwise, or nothing was shown.
//!
//! The broken servers leave the tenant out of the queries of one table each; every one must be noticed.

mod route;
mod side;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base::intercept::{Intercept, Intercepted};
use base::store::{Item, Key, Query, Slice, StoreError, Table};
use base::{Store, TenantId};
use freight::compose::{Freight, Settings};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use testkit::{Answer, Client};
use tokio::net::TcpListener;

use crate::Found;
use crate::ledger::owner;
use crate::rig::{Rig, first_caller};
use route::Route;
use side::Side;

/// Tables that answers are made of. Records are not among them: their partitions name the dataset's id
/// as well, which is nowhere twice, so that leaving out the tenant finds nothing; nor are carts, whose
/// owner is looked at besides.
const TABLES: [Table; 8] = [
    Table("accounts"),
    Table("datasets"),
    Table("dead_letters"),
    Table("job_logs"),
    Table("jobs"),
    Table("measurements"),
    Table("schedules"),
    Table("source"),
];
/// How long an endless answer is listened to.
const STREAM: Duration = Duration::from_millis(200);

/// So many drawn ids for each parameter of each route; or each of the broken servers.
pub(crate) async fn run(drawn: u64, seed: u64, broken: bool) -> Found {
    if !broken {
        let mut attack = Attack::new(seed, None).await;
        attack.every_route(drawn).await;
        return Found { figures: attack.figures(), wrong: attack.wrong };
    }
    let mut caught = Vec::new();
    for table in TABLES {
        let mut attack = Attack::new(seed, Some(table)).await;
        attack.every_route(1).await;
        // What a broken server does to its own store says nothing about what callers would see.
        caught.extend(
            attack.wrong.into_iter().find(|what| what.contains(WORDS)).map(|what| format!("{}: {what}", table.0)),
        );
    }
    Found { figures: json!({ "saboteurs": TABLES.len() }), wrong: caught }
}

/// What is the same for everybody, and ids to ask for it with.
const SHARED: [(&str, &[&str]); 1] =
    [("/v1/chart/{chain}/{token_address}", &["ethereum", "0x00000000000000000000000000000000000000aa"])];

/// What a fault is called in which another tenant's words were told.
const WORDS: &str = "told of another tenant";

struct Attack {
    rig: Rig,
    freight: Freight,
    dice: StdRng,
    mine: Side,
    theirs: Side,
    routes: u64,
    calls: u64,
    wrong: Vec<String>,
}

/// What an id is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Theirs,
    Deleted,
    Drawn,
    Next,
}

impl Attack {
    async fn new(seed: u64, broken: Option<Table>) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let rig = Rig::timed();
        let astray = Arc::new(Intercepted::new(rig.store.clone(), Astray::of(broken)));
        let sandbox = Some(stand_in(dice.random()).await);
        let freight = rig.server(astray.clone(), Settings { sandbox, ..Settings::default() }).await;
        let platform = first_caller(&freight).await;
        let workers = freight.workers_start();
        let theirs = Side::new(&platform, &mut dice).await;
        let mine = Side::new(&platform, &mut dice).await;
        assert!(workers.stop(Duration::from_secs(10)).await, "a task did not end");
        astray.by().lead(mine.tenant.clone(), theirs.tenant.clone());
        rig.ledger().guard(theirs.tenant.clone());
        Self { rig, freight, dice, mine, theirs, routes: 0, calls: 0, wrong: Vec::new() }
    }

    fn figures(&self) -> Value {
        json!({ "routes": self.routes, "calls": self.calls })
    }

    async fn every_route(&mut self, drawn: u64) {
        let document = serde_json::to_value(self.freight.app.document()).unwrap();
        for (n, route) in Route::all(&document).iter().enumerate() {
            self.routes += 1;
            if let Some((_, ids)) = SHARED.iter().find(|(path, _)| *path == route.path) {
                self.shared(route, ids).await;
                continue;
            }
            let unknown = route.kinds.iter().find(|kind| !self.mine.ids.contains_key(kind.as_str()));
            if let Some(why) =
                unknown.map(|kind| format!("no id of {kind} is known")).or_else(|| route.uncovered.clone())
            {
                self.wrong.push(format!("{} is uncovered: {why}", route.named()));
                continue;
            }
            self.on_behalf(route).await;
            if route.kinds.is_empty() {
                self.without_ids(route).await;
                continue;
            }
            for at in 0..route.kinds.len() {
                for whose in [Whose::Theirs, Whose::Deleted, Whose::Next] {
                    self.with_id(route, n, at, whose).await;
                }
                for _ in 0..drawn {
                    self.with_id(route, n, at, Whose::Drawn).await;
                }
            }
            self.with_own(route, n).await;
        }
    }

    /// What belongs to no tenant: each is told the same of it, and may not ask on behalf of another.
    async fn shared(&mut self, route: &Route, ids: &[&str]) {
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let path = route.with(&ids.iter().map(String::as_str).collect::<Vec<_>>());
        let theirs = self.theirs.client.get(&path).await;
        // They read what is theirs to be let in.
        self.rig.ledger().touched();
        let mine = self.mine.client.clone();
        let told = self.ask(route, &mine, &ids).await;
        if told.status != 200 || told.text() != theirs.text() {
            self.wrong.push(format!("{} is not the same for everybody: {told:?} / {theirs:?}", route.named()));
        }
        let behalf = mine.with_header("freight-tenant", self.theirs.tenant.as_str());
        let answer = self.ask(route, &behalf, &ids).await;
        if answer.status != 403 {
            self.wrong.push(format!("{} on behalf of another tenant: {}", route.named(), answer.status));
        }
    }

    /// An id that is not the caller's, at one place of the path: all that can be told of it is what is
    /// told of one that never was.
    async fn with_id(&mut self, route: &Route, n: usize, at: usize, whose: Whose) {
        let kind = route.kinds[at].as_str();
        let example = self.theirs.ids[kind][0].clone();
        let id = match whose {
            Whose::Theirs => example.clone(),
            Whose::Deleted => match self.mine.deleted.get(kind) {
                Some(id) => id.clone(),
                None => return,
            },
            Whose::Drawn => self.drawn(&example),
            Whose::Next => next(&self.mine.ids[kind]),
        };
        let never = self.drawn(&example);
        let mine: Vec<String> = route.kinds.iter().map(|kind| own(&self.mine, kind, n)).collect();
        let ids = |id: &str| -> Vec<String> {
            let mut ids = mine.clone();
            id.clone_into(&mut ids[at]);
            ids
        };
        let client = self.mine.client.clone();
        let told = self.ask(route, &client, &ids(&id)).await;
        let expected = self.ask(route, &client, &ids(&never)).await;
        let (told, expected) = (shape(&told, &id), shape(&expected, &never));
        if told != expected {
            self.wrong.push(format!("{} tells {id} from one that never was: {told} / {expected}", route.named()));
        }
        // A removal goes on behind the answer: what is there until then belongs to the caller.
        if whose == Whose::Theirs {
            let all: Vec<String> = route.kinds.iter().map(|kind| self.theirs.ids[kind.as_str()][0].clone()).collect();
            self.ask(route, &client, &all).await;
        }
    }

    /// The caller's own ids are answered otherwise.
    async fn with_own(&mut self, route: &Route, n: usize) {
        let mine: Vec<String> = route.kinds.iter().map(|kind| own(&self.mine, kind, n)).collect();
        let client = self.mine.client.clone();
        let answer = self.ask(route, &client, &mine).await;
        if answer.status == 404 {
            self.wrong.push(format!("{} does not know the caller's own {mine:?}", route.named()));
        }
    }

    /// A list, or what concerns all that a tenant has; and the list from where another's goes on.
    async fn without_ids(&mut self, route: &Route) {
        let client = self.mine.client.clone();
        self.ask(route, &client, &[]).await;
        if route.method != "GET" || route.streams {
            return;
        }
        let (touched, page) = (self.rig.ledger(), format!("{}?limit=1", route.path));
        let theirs = self.theirs.client.get(&page).await;
        touched.touched();
        let cursor = theirs
            .header("link")
            .and_then(|link| Some(link.split("cursor=").nth(1)?.split(['>', '&']).next()?.to_owned()));
        if let Some(cursor) = cursor {
            let answer = self.mine.client.get(&format!("{page}&cursor={cursor}")).await;
            self.calls += 1;
            self.judge(&route.named(), &answer, &[]);
            if !answer.status.is_client_error() {
                self.wrong.push(format!("{} takes the cursor of another tenant: {}", route.named(), answer.status));
            }
        }
    }

    /// On behalf of the other tenant: no route that asks for a key may allow it.
    async fn on_behalf(&mut self, route: &Route) {
        let client = self.mine.client.with_header("freight-tenant", self.theirs.tenant.as_str());
        let ids: Vec<String> = route.kinds.iter().map(|kind| self.theirs.ids[kind.as_str()][0].clone()).collect();
        let answer = self.ask(route, &client, &ids).await;
        if !route.open && answer.status != 403 {
            self.wrong.push(format!("{} on behalf of another tenant: {}", route.named(), answer.status));
        }
    }

    async fn ask(&mut self, route: &Route, client: &Client, ids: &[String]) -> Answer {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let path = route.with(&ids);
        let answer = if route.streams {
            client.get_some(&path, STREAM).await
        } else {
            client.send_bytes(route.method.clone(), &path, route.body.clone()).await
        };
        self.calls += 1;
        self.judge(&route.named(), &answer, &ids);
        answer
    }

    /// No word of the other tenant but what was asked with, and nothing of it touched.
    fn judge(&mut self, route: &str, answer: &Answer, asked_with: &[&str]) {
        if answer.status.is_server_error() {
            self.wrong.push(format!("{route}: {} {}", answer.status, answer.text()));
        }
        let mut text = format!("{:?} {}", answer.headers, answer.text());
        asked_with.iter().for_each(|id| text = text.replace(id, "ID"));
        let words = self.theirs.ids.values().flatten().filter(|id| id.len() > 8);
        if let Some(word) = words.chain([&self.theirs.marker]).find(|word| text.contains(word.as_str())) {
            self.wrong.push(format!("{route} {WORDS}: {word} in {text}"));
        }
        self.wrong.extend(self.rig.ledger().touched().into_iter().map(|what| format!("{route} touched {what}")));
    }

    /// An id like this one that never was.
    fn drawn(&mut self, like: &str) -> String {
        let dice = &mut self.dice;
        let draw = |c: char| match c {
            '0'..='9' => char::from(b'0' + dice.random_range(0..10)),
            'a'..='f' => char::from(b'a' + dice.random_range(0..6)),
            other => other,
        };
        like.chars().map(draw).collect()
    }
}

/// The caller's own id, another for each route, since some lose what they are asked for.
fn own(side: &Side, kind: &str, n: usize) -> String {
    let ids = &side.ids[kind];
    ids[n % ids.len()].clone()
}

/// The id after the first of these that is none of them.
fn next(ids: &[String]) -> String {
    let mut bytes = ids[0].as_bytes().to_vec();
    while ids.iter().any(|id| id.as_bytes() == bytes) {
        // Of a UUID another UUID; an id of a key may have no hex digit at all.
        let is_there = bytes.iter().any(u8::is_ascii_hexdigit);
        let fits = |byte: &u8| if is_there { byte.is_ascii_hexdigit() } else { byte.is_ascii_alphabetic() };
        let last = bytes.iter_mut().rfind(|byte| fits(byte)).unwrap();
        *last = match *last {
            b'9' | b'f' => b'0',
            b'z' => b'a',
            b'Z' => b'A',
            other => other + 1,
        };
    }
    String::from_utf8(bytes).unwrap()
}

/// What an answer says apart from the id and what is new in every answer.
fn shape(answer: &Answer, id: &str) -> String {
    let text = match serde_json::from_slice::<Value>(&answer.bytes) {
        Ok(Value::Object(mut members)) => {
            ["request_id", "timestamp", "instance"].iter().for_each(|name| drop(members.remove(*name)));
            Value::Object(members).to_string()
        }
        _ => answer.text(),
    };
    format!("{} {}", answer.status, text.replace(id, "ID"))
}

/// The stand-in that users are fetched from.
async fn stand_in(seed: u64) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let behaviour = sandbox::Behaviour { seed, ..sandbox::Behaviour::default() };
    let config = sandbox::Config { behaviour, ..sandbox::Config::default() };
    tokio::spawn(sandbox::serve(listener, config, std::future::pending()));
    at
}

/// Queries of one table, and reads in it, find another tenant's items instead of the caller's.
struct Astray {
    table: Option<Table>,
    leads: Mutex<Option<(TenantId, TenantId)>>,
}

impl Astray {
    fn of(table: Option<Table>) -> Self {
        Self { table, leads: Mutex::new(None) }
    }

    fn lead(&self, from: TenantId, to: TenantId) {
        *self.leads.lock().unwrap() = Some((from, to));
    }

    fn led(&self, table: Table, partition: &str) -> String {
        match &*self.leads.lock().unwrap() {
            Some((from, to)) if self.table == Some(table) && owner(partition) == from.as_str() => {
                partition.replacen(from.as_str(), to.as_str(), 1)
            }
            _ => partition.to_owned(),
        }
    }
}

#[async_trait]
impl Intercept for Astray {
    async fn get_many(&self, inner: &Arc<dyn Store>, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        let led = |key: &Key| Key { partition: self.led(key.table, &key.partition), ..key.clone() };
        inner.get_many(&keys.iter().map(led).collect::<Vec<_>>()).await
    }

    async fn query(&self, inner: &Arc<dyn Store>, mut query: Query) -> Result<Slice, StoreError> {
        query.partition = self.led(query.table, &query.partition);
        inner.query(query).await
    }
}
