//! What takes time when people sign in: on a clock that nobody waits for.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use accounts::contract::Mailbox;
use async_trait::async_trait;
use base::clock::ManualClock;
use base::intercept::{Intercept, Intercepted};
use base::store::{Item, Key, Query, Slice, StoreError, Table, Version, Write};
use base::{ErrorKind, Store, StoreExt as _, key};
use jobs::JobStatus;
use serde_json::{Value, json};
use testkit::Client;

use crate::removal::until_settled;
use crate::world::{World, copy_with_users, manual};

const ACCOUNTS: Table = Table("accounts");

const EMAIL: &str = "jane@example.com";
const PASSWORD: &str = "correct horse battery";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

struct Scene {
    clock: ManualClock,
    world: World,
    mailbox: Mailbox,
    client: Client,
}

impl Scene {
    async fn new() -> Self {
        let (clock, mailbox) = (manual(), Mailbox::default());
        let world = World::with_users(Arc::new(clock.clone()), &mailbox).await;
        let client = world.client().from_peer((Ipv4Addr::new(10, 0, 0, 1), 1).into());
        Self { clock, world, mailbox, client }
    }

    /// A user who has confirmed the address.
    async fn with_user() -> Self {
        let scene = Self::new().await;
        scene.post("signup", json!({ "email": EMAIL, "password": PASSWORD }), 201).await;
        let code = scene.mailbox.code(EMAIL, 1).await;
        scene.post("confirm", json!({ "email": EMAIL, "code": code }), 200).await;
        scene.pass(MINUTE);
        scene
    }

    /// Lets time pass, in steps, so that who sleeps for less wakes in between.
    fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// Waits for what is done beside requests: it goes by the instant of its request.
    async fn settle(&self) {
        self.world.accounts.settle().await.unwrap();
    }

    async fn post(&self, path: &str, body: Value, status: u16) -> Value {
        // What one address may do in a minute is shown elsewhere.
        self.pass(Duration::from_secs(4));
        self.client.post(&format!("/v1/auth/{path}"), &body).await.expect(status).json()
    }

    async fn sign_in(&self, password: &str, status: u16) -> Value {
        self.post("signin", json!({ "email": EMAIL, "password": password }), status).await
    }

    async fn valid(&self, tokens: &Value, status: u16) {
        self.valid_at(&self.client, tokens, status).await;
    }

    async fn valid_at(&self, client: &Client, tokens: &Value, status: u16) {
        let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
        client.with_header("authorization", &bearer).get("/v1/auth/valid").await.expect(status);
    }
}

#[tokio::test]
async fn a_lock_doubles_up_to_a_quarter_of_an_hour() {
    let scene = Scene::with_user().await;
    let wrong = "wrong wrong wrong";
    for _ in 0..5 {
        scene.sign_in(wrong, 401).await;
    }
    // A second after the fifth failure, it is over (each call here takes four).
    scene.sign_in(PASSWORD, 200).await;
    // And a sign-in that succeeds forgets the failures.
    for _ in 0..4 {
        scene.sign_in(wrong, 401).await;
    }
    scene.sign_in(PASSWORD, 200).await;

    for _ in 0..5 {
        scene.sign_in(wrong, 401).await;
    }
    for doublings in 0..12 {
        let lock = Duration::from_secs(1 << doublings.min(10)).min(15 * MINUTE);
        if let Some(early) = lock.checked_sub(Duration::from_secs(5)) {
            scene.pass(early);
            scene.sign_in(PASSWORD, 401).await;
        }
        scene.pass(Duration::from_secs(1));
        scene.sign_in(wrong, 401).await;
    }
    scene.pass(15 * MINUTE);
    scene.sign_in(PASSWORD, 200).await;
}

#[tokio::test]
async fn a_code_ends_and_letters_are_far_apart() {
    let scene = Scene::new().await;
    scene.post("signup", json!({ "email": EMAIL, "password": PASSWORD }), 201).await;
    let first = scene.mailbox.code(EMAIL, 1).await;
    scene.post("resend", json!({ "email": EMAIL }), 200).await;
    scene.settle().await;
    scene.pass(MINUTE);
    for n in 2..=5 {
        scene.post("resend", json!({ "email": EMAIL }), 200).await;
        scene.mailbox.code(EMAIL, n).await;
        scene.pass(MINUTE);
    }
    scene.post("resend", json!({ "email": EMAIL }), 200).await;
    scene.settle().await;
    scene.pass(HOUR);
    scene.post("resend", json!({ "email": EMAIL }), 200).await;
    let last = scene.mailbox.code(EMAIL, 6).await;
    assert_eq!(scene.mailbox.count(EMAIL), 6, "a letter too many");
    if first != last {
        scene.post("confirm", json!({ "email": EMAIL, "code": first }), 400).await;
    }
    scene.pass(DAY);
    scene.post("confirm", json!({ "email": EMAIL, "code": last }), 400).await;
    // Who never confirms is gone after a week, and the address is free.
    scene.pass(7 * DAY);
    scene.post("signup", json!({ "email": EMAIL, "password": "another password" }), 201).await;
    let code = scene.mailbox.code(EMAIL, 7).await;
    scene.post("confirm", json!({ "email": EMAIL, "code": code }), 200).await;
    scene.sign_in(PASSWORD, 401).await;
    scene.sign_in("another password", 200).await;
    // Who has confirmed stays.
    scene.pass(30 * DAY);
    scene.sign_in("another password", 200).await;
}

/// Two sign up with one address, in either order: whoever reads its mail has it, and the other nothing.
#[tokio::test]
async fn whoever_reads_the_mail_has_the_address() {
    for passwords in [["the owner's word", "somebody else's"], ["somebody else's", "the owner's word"]] {
        let scene = Scene::new().await;
        for (n, password) in passwords.into_iter().enumerate() {
            scene.post("signup", json!({ "email": EMAIL, "password": password }), 201).await;
            scene.mailbox.code(EMAIL, n + 1).await;
            scene.pass(MINUTE);
        }
        let code = scene.mailbox.code(EMAIL, 2).await;
        scene.post("confirm", json!({ "email": EMAIL, "code": code }), 200).await;
        for password in passwords {
            scene.sign_in(password, 401).await;
        }
        scene.post("password/forgot", json!({ "email": EMAIL }), 200).await;
        let code = scene.mailbox.code(EMAIL, 3).await;
        let reset = json!({ "email": EMAIL, "code": code, "password": "the owner's word" });
        scene.post("password/reset", reset, 200).await;
        scene.sign_in("somebody else's", 401).await;
        scene.sign_in("the owner's word", 200).await;
    }
}

/// Sets the password anew at the moment when a session is about to begin.
struct Between {
    anew: Mutex<Option<Vec<Write>>>,
}

#[async_trait]
impl Intercept for Between {
    async fn write(&self, inner: &Arc<dyn Store>, writes: Vec<Write>) -> Result<Version, StoreError> {
        let begins = writes.iter().any(|write| write.key.sort.starts_with(&key!["session"]));
        let anew = if begins { self.anew.lock().unwrap().take() } else { None };
        if let Some(anew) = anew {
            inner.write(anew).await?;
        }
        inner.write(writes).await
    }
}

#[tokio::test]
async fn a_session_does_not_begin_by_a_password_that_was_set_anew() {
    let scene = Scene::with_user().await;
    let store: Arc<dyn Store> = scene.world.store.clone();
    let users = store.query(Query::new(ACCOUNTS, key!["default", "users"])).await.unwrap().items;
    let partition = key!["default", "user", key::split(&users[0].key.sort)[1]];
    let user = store.get(Key::new(ACCOUNTS, partition, "user")).await.unwrap().unwrap();
    // Written again as it is, the user is another version.
    let anew = Mutex::new(Some(vec![Write::put(user.key.clone(), user.body.clone())]));
    let bent: Arc<dyn Store> = Arc::new(Intercepted::new(store, Between { anew }));
    let clock: Arc<dyn base::Clock> = Arc::new(scene.clock.clone());
    let other = World { accounts: copy_with_users(&bent, &clock, &scene.mailbox), ..scene.world };
    let client = other.client();
    let asked = json!({ "email": EMAIL, "password": PASSWORD });
    client.post("/v1/auth/signin", &asked).await.expect(401);
    client.post("/v1/auth/signin", &asked).await.expect(200);
}

/// Fails the next look for the keys that tokens are signed with, or loses the answer to the next write of a
/// session.
#[derive(Default)]
struct Hiccup {
    keys: AtomicBool,
    session: AtomicBool,
}

#[async_trait]
impl Intercept for Hiccup {
    async fn query(&self, inner: &Arc<dyn Store>, query: Query) -> Result<Slice, StoreError> {
        if query.partition == "@signing" && self.keys.swap(false, Ordering::SeqCst) {
            return Err(StoreError::Unavailable("away".to_owned()));
        }
        inner.query(query).await
    }

    async fn write(&self, inner: &Arc<dyn Store>, writes: Vec<Write>) -> Result<Version, StoreError> {
        let of_session = writes.iter().any(|write| write.key.sort.starts_with(&key!["session"]));
        let written = inner.write(writes).await?;
        let lost = of_session && self.session.swap(false, Ordering::SeqCst);
        if lost { Err(StoreError::Unknown("lost".to_owned())) } else { Ok(written) }
    }
}

#[tokio::test]
async fn a_session_goes_on_although_the_store_hiccups() {
    let scene = Scene::with_user().await;
    let store: Arc<dyn Store> = scene.world.store.clone();
    let bent = Arc::new(Intercepted::new(store, Hiccup::default()));
    let shared: Arc<dyn Store> = bent.clone();
    let clock: Arc<dyn base::Clock> = Arc::new(scene.clock.clone());
    let other = World { accounts: copy_with_users(&shared, &clock, &scene.mailbox), ..scene.world };
    let client = other.client();
    let refresh = async |tokens: &Value, status: u16| {
        let asked = json!({ "refresh_token": tokens["refresh_token"] });
        client.post("/v1/auth/refresh", &asked).await.expect(status).json()
    };
    let asked = json!({ "email": EMAIL, "password": PASSWORD });
    let tokens = client.post("/v1/auth/signin", &asked).await.expect(200).json();

    // Nothing was used up, so the token is good when its owner comes back.
    scene.clock.advance(MINUTE);
    bent.by().keys.store(true, Ordering::SeqCst);
    refresh(&tokens, 503).await;
    assert!(!bent.by().keys.load(Ordering::SeqCst), "nobody looked for the keys");
    let tokens = refresh(&tokens, 200).await;

    bent.by().session.store(true, Ordering::SeqCst);
    let tokens = refresh(&tokens, 200).await;
    assert!(!bent.by().session.load(Ordering::SeqCst), "no answer was lost");
    refresh(&tokens, 200).await;
}

#[tokio::test]
async fn a_token_is_remembered_for_five_minutes_while_the_store_is_away() {
    let scene = Scene::with_user().await;
    let tokens = scene.sign_in(PASSWORD, 200).await;
    let token = tokens["access_token"].as_str().unwrap();
    let verify = async || scene.world.accounts.token_verify(token, None).await;
    assert!(!verify().await.unwrap().remembered);
    scene.world.store.down.store(true, Ordering::SeqCst);
    scene.pass(5 * MINUTE - Duration::from_micros(1));
    assert!(verify().await.unwrap().remembered);
    scene.pass(Duration::from_micros(1));
    assert_eq!(verify().await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn another_password_ends_every_session() {
    let scene = Scene::with_user().await;
    let (one, two) = (scene.sign_in(PASSWORD, 200).await, scene.sign_in(PASSWORD, 200).await);
    scene.post("password/forgot", json!({ "email": EMAIL }), 200).await;
    let code = scene.mailbox.code(EMAIL, 2).await;
    let reset = json!({ "email": EMAIL, "code": code, "password": "another password" });
    scene.valid(&one, 200).await;
    scene.post("password/reset", reset.clone(), 200).await;
    scene.post("password/reset", reset, 400).await;
    for tokens in [one, two] {
        scene.valid(&tokens, 403).await;
        scene.post("refresh", json!({ "refresh_token": tokens["refresh_token"] }), 401).await;
    }
    scene.sign_in(PASSWORD, 401).await;
    let tokens = scene.sign_in("another password", 200).await;
    scene.valid(&tokens, 200).await;
}

#[tokio::test]
async fn a_token_of_either_kind_ends() {
    let scene = Scene::with_user().await;
    let first = scene.sign_in(PASSWORD, 200).await;
    scene.pass(14 * MINUTE);
    scene.valid(&first, 200).await;
    scene.pass(2 * MINUTE);
    scene.valid(&first, 403).await;
    let mut tokens = first;
    for _ in 0..29 {
        scene.pass(DAY);
        tokens = scene.post("refresh", json!({ "refresh_token": tokens["refresh_token"] }), 200).await;
        scene.valid(&tokens, 200).await;
    }
    scene.pass(DAY);
    scene.post("refresh", json!({ "refresh_token": tokens["refresh_token"] }), 401).await;
}

#[tokio::test]
async fn copies_share_keys_through_their_changes() {
    let scene = Scene::with_user().await;
    let mut first = scene.world;
    let clock: Arc<dyn base::Clock> = Arc::new(scene.clock.clone());
    let store: Arc<dyn Store> = first.store.clone();
    let other = World { accounts: copy_with_users(&store, &clock, &scene.mailbox), ..first };
    let second = other.client();
    first = World { accounts: copy_with_users(&store, &clock, &scene.mailbox), ..other };
    let scene = Scene { client: first.client(), world: first, ..scene };
    let mut kids = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let tokens = scene.sign_in(PASSWORD, 200).await;
        scene.valid(&tokens, 200).await;
        scene.valid_at(&second, &tokens, 200).await;
        kids.insert(tokens["access_token"].as_str().unwrap().split('.').next().unwrap().to_owned());
        scene.pass(DAY);
    }
    assert_eq!(kids.len(), 4, "a key signs for thirty days");
    let published = second.get("/.well-known/jwks.json").await.expect(200).json();
    assert!(published["keys"].as_array().unwrap().len() <= 2, "{published}");
}

#[tokio::test]
async fn users_go_with_their_tenant() {
    let scene = Scene::with_user().await;
    let tokens = scene.sign_in(PASSWORD, 200).await;
    scene.post("signup", json!({ "email": "never@example.com", "password": PASSWORD }), 201).await;
    let store = &scene.world.store;
    let users = store.query(Query::new(ACCOUNTS, key!["default", "users"])).await.unwrap().items;
    let of_user = |item: &Item| key!["default", "user", key::split(&item.key.sort)[1]];
    let mut partitions: Vec<String> = users.iter().map(of_user).collect();
    partitions.extend([EMAIL, "never@example.com"].map(|email| key!["@email", email]));
    partitions.push(key!["default", "users"]);
    assert_eq!(partitions.len(), 5);
    for partition in &partitions {
        assert!(!store.query(Query::new(ACCOUNTS, partition)).await.unwrap().items.is_empty(), "{partition:?}");
    }

    let ctx = scene.world.ctx("system");
    let stored = scene.world.accounts.tenant_get(&ctx, "default").await.unwrap();
    let job = scene.world.accounts.tenant_delete(&ctx, &scene.world.engine, &stored).await.unwrap();
    scene.valid(&tokens, 403).await;
    for (path, body) in [
        ("signin", json!({ "email": EMAIL, "password": PASSWORD })),
        ("refresh", json!({ "refresh_token": tokens["refresh_token"] })),
    ] {
        assert_eq!(scene.post(path, body, 403).await["detail"], "The tenant is suspended");
    }
    let again = json!({ "email": "late@example.com", "password": PASSWORD });
    assert_eq!(scene.post("signup", again, 403).await["detail"], "The tenant is suspended");
    let workers = scene.world.engine.workers_start();
    let job = until_settled(&scene.world, &scene.clock, job.id).await;
    assert_eq!((job.status, job.error), (JobStatus::Completed, None));
    workers.stop(Duration::from_secs(1)).await;
    for partition in &partitions {
        assert!(store.query(Query::new(ACCOUNTS, partition)).await.unwrap().items.is_empty(), "{partition:?}");
    }
}

#[tokio::test]
async fn without_a_provider_nobody_signs_up() {
    let clock: Arc<dyn base::Clock> = Arc::new(manual());
    let world = World::new(clock).await;
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    let refused = world.client().post("/v1/auth/signup", &body).await.expect(501).json();
    assert_eq!(refused["detail"], "This server signs nobody in: auth.provider is none");
}
