//! People who sign up, in, on and out.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use testkit::{Answer, Client};

use super::{Mailbox, text};

const PASSWORD: &str = "correct horse battery";

/// Where strangers knock, each from an address of their own: what one address may do is limited.
pub(super) struct Door<'a> {
    client: Client,
    mailbox: &'a Mailbox,
    strangers: AtomicU32,
}

impl<'a> Door<'a> {
    pub(super) fn new(client: &Client, mailbox: &'a Mailbox) -> Self {
        let client = client.without_header("x-api-key");
        Self { client, mailbox, strangers: AtomicU32::new(0x0a01_0000) }
    }

    fn stranger(&self) -> Client {
        let from = Ipv4Addr::from_bits(self.strangers.fetch_add(1, Ordering::Relaxed));
        self.client.from_peer((from, 4711).into())
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.stranger().post(&format!("/v1/auth/{path}"), &body).await
    }

    /// Asks for what carries a token.
    fn bearing(&self, token: &str) -> Client {
        self.stranger().with_header("authorization", &format!("Bearer {token}"))
    }

    async fn valid(&self, token: &str) -> u16 {
        self.bearing(token).get("/v1/auth/valid").await.status.as_u16()
    }

    async fn sign_up(&self, email: &str) -> Answer {
        self.post("signup", json!({ "email": email, "password": PASSWORD })).await
    }

    async fn sign_in(&self, email: &str, password: &str) -> Answer {
        self.post("signin", json!({ "email": email, "password": password })).await
    }

    async fn refresh(&self, token: &str) -> Answer {
        self.post("refresh", json!({ "refresh_token": token })).await
    }

    /// A user who has confirmed the address.
    async fn user(&self, email: &str) {
        self.sign_up(email).await.expect(201);
        let code = self.mailbox.code(email, 1).await;
        self.post("confirm", json!({ "email": email, "code": code })).await.expect(200);
    }

    /// The tokens of a user who signs in.
    async fn session(&self, email: &str) -> (String, String) {
        tokens(&self.sign_in(email, PASSWORD).await.expect(200))
    }
}

fn tokens(answer: &Answer) -> (String, String) {
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)));
    (text(&body, "access_token"), text(&body, "refresh_token"))
}

/// What an answer says, but for what is of the one request.
fn said(answer: &Answer) -> (u16, Value) {
    let mut body = answer.json();
    for own in ["instance", "request_id", "timestamp"] {
        body.as_object_mut().and_then(|body| body.remove(own));
    }
    (answer.status.as_u16(), body)
}

fn other(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

pub(super) async fn whoever_confirms_an_address_signs_in(door: &Door<'_>) {
    let email = "Jane.Doe@Example.com";
    let made = door.sign_up(email).await.expect(201).json();
    assert_eq!(made, json!({ "confirmed": false, "delivery": { "medium": "email", "destination": "j***@e***" } }));
    // What it is answered before tells nobody that there is somebody.
    assert_eq!(
        said(&door.sign_in(email, PASSWORD).await.expect(401)),
        said(&door.sign_in("nobody@example.com", PASSWORD).await)
    );
    let code = door.mailbox.code("jane.doe@example.com", 1).await;
    let wrong = door.post("confirm", json!({ "email": email, "code": other(&code) })).await.expect(400).json();
    assert_eq!(wrong["details"][0]["field"], "code");
    door.post("confirm", json!({ "email": email, "code": code })).await.expect(200);
    door.post("confirm", json!({ "email": email, "code": code })).await.expect(400);

    let (access, refresh) = door.session("jane.doe@example.com").await;
    assert_eq!(
        door.bearing(&access).get("/v1/auth/valid").await.expect(200).json(),
        json!({ "status_code": 200, "detail": "Successfully authenticated." })
    );
    let me = door.bearing(&access).get("/api/v1/me").await.expect(200).json();
    assert_eq!((&me["tenant"]["id"], &me["user"]["email"]), (&json!("default"), &json!("jane.doe@example.com")));
    assert_eq!(text(&me, "principal"), format!("user:{}", text(&me["user"], "id")));
    assert_eq!(me["key"], Value::Null);
    door.bearing(&access).get("/api/v1/keys").await.expect(403);
    door.bearing(&access).with_header("freight-tenant", "system").get("/api/v1/me").await.expect(403);

    let published = door.stranger().get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(published.header("cache-control"), Some("public, max-age=300"));
    let published = published.json();
    assert_eq!(published["keys"][0]["alg"], "EdDSA", "{published}");
    assert!(published["keys"][0].get("d").is_none());

    let (again, _) = tokens(&door.refresh(&refresh).await.expect(200));
    door.bearing(&again).post_empty("/v1/auth/signout").await.expect(204);
    assert_eq!((door.valid(&access).await, door.valid(&again).await), (403, 403));
    door.refresh(&refresh).await.expect(401);

    let half = &access[..access.len() - 2];
    assert_eq!((door.valid(half).await, door.valid("a.b.c").await, door.valid("x").await), (403, 403, 403));
    door.stranger().get("/v1/auth/valid").await.expect(403);
    door.stranger().with_header("x-api-key", &access).get("/api/v1/me").await.expect(401);
    door.stranger().get(&format!("/api/v1/me?access_token={access}")).await.expect(400);
}

pub(super) async fn nobody_learns_who_has_an_account(door: &Door<'_>) {
    let (known, unknown) = ("known@example.com", "kept-out@example.com");
    door.user(known).await;
    assert_eq!(said(&door.sign_up(known).await), said(&door.sign_up("knew@example.com").await));
    for path in ["resend", "password/forgot"] {
        let (one, other) =
            (door.post(path, json!({ "email": known })).await, door.post(path, json!({ "email": unknown })).await);
        assert_eq!(said(&one), said(&other), "{path}");
        assert_eq!(one.status, 200);
    }
    let (one, other) = (door.sign_in(known, "wrong wrong wrong").await, door.sign_in(unknown, PASSWORD).await);
    assert_eq!(said(&one), said(&other));
    let detail = "Wrong email address or password, or the address is not confirmed";
    assert_eq!((one.status.as_u16(), text(&one.json(), "detail").as_str()), (401, detail));
    let confirm = |email: &str| json!({ "email": email, "code": "000000" });
    assert_eq!(said(&door.post("confirm", confirm(known)).await), said(&door.post("confirm", confirm(unknown)).await));
    let reset = |email: &str| json!({ "email": email, "code": "000000", "password": PASSWORD });
    assert_eq!(
        said(&door.post("password/reset", reset(known)).await),
        said(&door.post("password/reset", reset(unknown)).await)
    );
}

pub(super) async fn failures_shut_a_user_out(door: &Door<'_>) {
    let email = "shut.out@example.com";
    door.user(email).await;
    for _ in 0..5 {
        door.sign_in(email, "wrong wrong wrong").await.expect(401);
    }
    // The right password at once is too early; its answer is the same.
    door.sign_in(email, PASSWORD).await.expect(401);
}

pub(super) async fn a_code_has_five_tries(door: &Door<'_>) {
    let email = "tries@example.com";
    door.sign_up(email).await.expect(201);
    let code = door.mailbox.code(email, 1).await;
    let confirm = |code: &str| json!({ "email": email, "code": code });
    for _ in 0..5 {
        door.post("confirm", confirm(other(&code))).await.expect(400);
    }
    door.post("confirm", confirm(&code)).await.expect(400);
    door.sign_in(email, PASSWORD).await.expect(401);
}

pub(super) async fn a_refresh_token_is_good_once(door: &Door<'_>) {
    let email = "once@example.com";
    door.user(email).await;
    let (_, first) = door.session(email).await;
    let (access, second) = tokens(&door.refresh(&first).await.expect(200));
    assert_ne!(first, second);
    assert_eq!(door.valid(&access).await, 200);
    // Somebody has a copy: the session ends for everybody.
    let refused = door.refresh(&first).await.expect(401).json();
    assert_eq!(refused["detail"], "Invalid refresh token");
    door.refresh(&second).await.expect(401);
    assert_eq!(door.valid(&access).await, 403);
    let (other, _) = door.session(email).await;
    assert_eq!(door.valid(&other).await, 200, "another session ended, too");
    for token in ["", "frr_", &second[..second.len() - 1], &format!("{second}x"), &access] {
        door.refresh(token).await.expect(401);
    }
}

pub(super) async fn nobody_signs_up_over_another(door: &Door<'_>) {
    // Who of the two has the address? Whoever confirms it, and neither password is theirs for sure.
    let email = "twice@example.com";
    door.sign_up(email).await.expect(201);
    let other = json!({ "email": email, "password": "the password of another" });
    door.post("signup", other).await.expect(201);
    let code = door.mailbox.code(email, 1).await;
    let confirmed = door.post("confirm", json!({ "email": email, "code": code })).await.expect(200).json();
    assert!(text(&confirmed, "detail").contains("Several signed up with it"), "{confirmed}");
    door.sign_in(email, "the password of another").await.expect(401);
    door.sign_in(email, PASSWORD).await.expect(401);
    // Within a minute nobody is written to again.
    assert_eq!(door.mailbox.count(email), 1);

    let email = "same@example.com";
    for _ in 0..2 {
        door.sign_up(email).await.expect(201);
    }
    let code = door.mailbox.code(email, 1).await;
    door.post("confirm", json!({ "email": email, "code": code })).await.expect(200);
    door.sign_in(email, PASSWORD).await.expect(200);
}

pub(super) async fn one_of_many_becomes_the_user(door: &Door<'_>) {
    let email = "crowd@example.com";
    let mut answers = Vec::new();
    for n in 0..8 {
        let stranger = door.stranger();
        let body = json!({ "email": email, "password": format!("the password of {n}") });
        answers.push(tokio::spawn(async move { stranger.post("/v1/auth/signup", &body).await }));
    }
    for answer in answers {
        answer.await.expect("an answer").expect(201);
    }
    let code = door.mailbox.code(email, 1).await;
    door.post("confirm", json!({ "email": email, "code": code })).await.expect(200);
    assert_eq!(door.mailbox.count(email), 1, "more than one was the first");
}

pub(super) async fn no_password_is_kept_with_a_request(door: &Door<'_>) {
    let email = "keyed@example.com";
    door.user(email).await;
    let keyed = door.stranger().with_header("idempotency-key", "once");
    let asked = |password: &str| json!({ "email": email, "password": password });
    keyed.post("/v1/auth/signin", &asked("wrong wrong wrong")).await.expect(401);
    let one = keyed.post("/v1/auth/signin", &asked(PASSWORD)).await.expect(200);
    let two = keyed.post("/v1/auth/signin", &asked(PASSWORD)).await.expect(200);
    assert_ne!(tokens(&one).1, tokens(&two).1, "an answer was kept");
    assert_eq!(two.header("idempotent-replayed"), None);
}

pub(super) async fn what_cannot_be_an_account_is_named(door: &Door<'_>) {
    let wrong = [
        ("signup", json!({ "email": "jane", "password": PASSWORD }), "email"),
        ("signup", json!({ "email": "jane@localhost", "password": PASSWORD }), "email"),
        ("signup", json!({ "email": "a\nb@example.com", "password": PASSWORD }), "email"),
        ("signup", json!({ "email": "a@example.com", "password": "too short" }), "password"),
        ("signup", json!({ "email": "a@example.com", "password": "a".repeat(257) }), "password"),
        ("signup", json!({ "email": "a@example.com", "password": PASSWORD, "confirmed": true }), "confirmed"),
        ("confirm", json!({ "email": "a@example.com", "code": "12345" }), "code"),
        ("password/reset", json!({ "email": "a@example.com", "code": "12345x", "password": PASSWORD }), "code"),
    ];
    for (path, body, field) in wrong {
        let problem = door.post(path, body).await.expect(422);
        assert_eq!(problem.json()["details"][0]["field"], field, "{}", problem.text());
    }
}
