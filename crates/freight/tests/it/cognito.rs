//! A user pool that nobody here wrote: moto's Cognito signs people in, and its tokens are let in.
//!
//! moto takes any code for the right one: what a wrong code is answered is shown for our own users.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use base::clock::SystemClock;
use freight::compose::{Settings, compose};
use freight::config::{Config, Environment, Sources};
use freight::ground::Ground;
use serde_json::{Value, json};
use testkit::aws::Moto;
use testkit::{Answer, Client};
use tokio::net::TcpListener;

const REGION: &str = "us-east-1";
const EMAIL: &str = "jane@example.com";
pub(crate) const PASSWORD: &str = "Correct-horse-7-battery!";

/// A user pool with one app client.
pub(crate) struct Pool {
    id: String,
    client: String,
    pub(crate) secret: Option<String>,
}

/// Calls moto as an administrator of AWS would.
async fn cognito(operation: &str, body: &Value) -> Value {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/cognito-idp/aws4_request, SignedHeaders=host, Signature=0"
    );
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let call = http
        .post(Moto::shared().url())
        .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
        .header("content-type", "application/x-amz-json-1.1")
        .header("authorization", authorization)
        .body(body.to_string());
    let answer = call.send().await.unwrap();
    assert!(answer.status().is_success(), "{operation}: {}", answer.text().await.unwrap());
    answer.json().await.unwrap()
}

impl Pool {
    pub(crate) async fn new(with_secret: bool) -> Self {
        let pool = cognito("CreateUserPool", &json!({ "PoolName": "people" })).await;
        let id = pool["UserPool"]["Id"].as_str().unwrap().to_owned();
        let flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];
        let ask =
            json!({ "UserPoolId": id, "ClientName": "web", "GenerateSecret": with_secret, "ExplicitAuthFlows": flows });
        let made = cognito("CreateUserPoolClient", &ask).await["UserPoolClient"].clone();
        let client = made["ClientId"].as_str().unwrap().to_owned();
        Self { id, client, secret: made["ClientSecret"].as_str().map(str::to_owned) }
    }

    /// Nothing but configuration, of a pool that is found there.
    pub(crate) fn settings(&self, at: &str, provider: &str, token_use: &str) -> Settings {
        let flags = [
            ("auth.provider", provider.to_owned()),
            ("auth.issuer", format!("https://cognito-idp.{REGION}.amazonaws.com/{}", self.id)),
            ("auth.jwks_url", format!("{at}/{}/.well-known/jwks.json", self.id)),
            ("auth.token_use", token_use.to_owned()),
            ("auth.audience", self.client.clone()),
            ("auth.cognito_client_id", self.client.clone()),
            ("auth.cognito_client_secret", self.secret.clone().unwrap_or_default()),
            ("auth.scope_map", "readers=reader".to_owned()),
        ];
        let flags = flags.map(|(key, value)| (key.to_owned(), value)).to_vec();
        let environment = Environment::of([("AWS_ENDPOINT_URL", at)]);
        let config = Config::load(&Sources { environment, flags, ..Sources::default() }).unwrap();
        Settings { auth: config.auth, aws: config.aws, ..Settings::default() }
    }

    /// A server on which people of the pool sign in.
    async fn server(&self) -> Client {
        served(self.settings(&Moto::shared().url(), "cognito", "access")).await
    }

    /// A server that signs nobody in, and takes the pool's ID tokens.
    async fn taker_of_ids(&self) -> Client {
        served(self.settings(&Moto::shared().url(), "none", "id")).await
    }
}

async fn served(settings: Settings) -> Client {
    let ground = Ground::memory(Arc::new(SystemClock::new()));
    let freight = compose(&ground, settings).await.unwrap();
    freight.accounts.bootstrap().await.unwrap().unwrap();
    Client::app(&freight.app)
}

/// Where every call of Cognito fails in the same way.
async fn failing(error: &'static str) -> String {
    let answer = move || async move {
        let said = json!({ "__type": error, "message": "no" }).to_string();
        (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, "application/x-amz-json-1.1")], said)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let app = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, app).await });
    at
}

pub(crate) async fn post(client: &Client, path: &str, body: Value, status: u16) -> Answer {
    client.post(&format!("/v1/auth/{path}"), &body).await.expect(status)
}

pub(crate) fn bearing(client: &Client, token: &Value) -> Client {
    client.with_header("authorization", &format!("Bearer {}", token.as_str().unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_a_user_pool_sign_up_in_on_and_out() {
    for with_secret in [false, true] {
        let pool = Pool::new(with_secret).await;
        assert_eq!(pool.secret.is_some(), with_secret);
        let client = pool.server().await;
        let credentials = json!({ "email": EMAIL, "password": PASSWORD });
        let made = post(&client, "signup", credentials.clone(), 201).await.json();
        assert_eq!(made["delivery"]["medium"], "email");
        // One who is known is answered the same.
        assert_eq!(post(&client, "signup", credentials.clone(), 201).await.json(), made);
        post(&client, "signin", credentials.clone(), 401).await;
        post(&client, "confirm", json!({ "email": EMAIL, "code": "123456" }), 200).await;
        let wrong =
            post(&client, "signin", json!({ "email": EMAIL, "password": "another password" }), 401).await.json();
        let unknown = json!({ "email": "nobody@example.com", "password": PASSWORD });
        assert_eq!(post(&client, "signin", unknown, 401).await.json()["detail"], wrong["detail"]);

        let held = post(&client, "signin", credentials.clone(), 200).await.json();
        assert_eq!(held["token_type"], "Bearer");
        bearing(&client, &held["access_token"]).get("/v1/auth/valid").await.expect(200);
        let me = bearing(&client, &held["access_token"]).get("/api/v1/me").await.expect(200).json();
        assert_eq!((&me["tenant"]["id"], &me["user"]["email"]), (&json!("default"), &json!(EMAIL)));
        assert_eq!(me["principal"], format!("user:{}", me["user"]["id"].as_str().unwrap()));
        assert_eq!(me["scopes"], json!([]), "nothing was granted");
        // An ID token is none, and neither is a refresh token.
        bearing(&client, &held["id_token"]).get("/v1/auth/valid").await.expect(403);
        bearing(&client, &held["refresh_token"]).get("/v1/auth/valid").await.expect(403);

        let refreshed = post(&client, "refresh", json!({ "refresh_token": held["refresh_token"] }), 200).await.json();
        bearing(&client, &refreshed["access_token"]).get("/v1/auth/valid").await.expect(200);
        assert!(refreshed["refresh_token"].is_string());
        post(&client, "refresh", json!({ "refresh_token": "nobody's" }), 401).await;

        post(&client, "password/forgot", json!({ "email": EMAIL }), 200).await;
        post(&client, "password/forgot", json!({ "email": "nobody@example.com" }), 200).await;
        let reset = json!({ "email": EMAIL, "code": "123456", "password": "Another-8-password!" });
        post(&client, "password/reset", reset, 200).await;
        post(&client, "signin", credentials, 401).await;
        let again = json!({ "email": EMAIL, "password": "Another-8-password!" });
        let held = post(&client, "signin", again, 200).await.json();
        bearing(&client, &held["access_token"]).post_empty("/v1/auth/signout").await.expect(204);
        assert!(client.get("/.well-known/jwks.json").await.expect(200).json()["keys"].as_array().unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_handed_on_and_groups_grant_what_they_are_said_to() {
    let pool = Pool::new(false).await;
    let user = json!({ "UserPoolId": pool.id, "Username": EMAIL, "TemporaryPassword": PASSWORD });
    cognito("AdminCreateUser", &user).await;
    let client = pool.server().await;
    let credentials = json!({ "email": EMAIL, "password": PASSWORD });
    let asked = post(&client, "signin", credentials.clone(), 200).await.json();
    assert_eq!(asked["challenge"], "NEW_PASSWORD_REQUIRED", "{asked}");
    assert!(asked["session"].is_string() && asked.get("access_token").is_none());

    let set = json!({ "UserPoolId": pool.id, "Username": EMAIL, "Password": PASSWORD, "Permanent": true });
    cognito("AdminSetUserPassword", &set).await;
    cognito("CreateGroup", &json!({ "UserPoolId": pool.id, "GroupName": "readers" })).await;
    let member = json!({ "UserPoolId": pool.id, "Username": EMAIL, "GroupName": "readers" });
    cognito("AdminAddUserToGroup", &member).await;
    let held = post(&client, "signin", credentials, 200).await.json();
    let reader = bearing(&client, &held["access_token"]);
    let me = reader.get("/api/v1/me").await.expect(200).json();
    assert!(me["scopes"].as_array().unwrap().contains(&json!("ingest:read")), "{me}");
    reader.get("/api/v1/datasets").await.expect(200);
    reader.post("/api/v1/datasets", &json!({ "name": "a", "key": "id" })).await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_another_pool_or_another_use_are_refused() {
    let (ours, theirs) = (Pool::new(false).await, Pool::new(false).await);
    let (client, other) = (ours.server().await, theirs.server().await);
    for client in [&client, &other] {
        let credentials = json!({ "email": EMAIL, "password": PASSWORD });
        post(client, "signup", credentials, 201).await;
        post(client, "confirm", json!({ "email": EMAIL, "code": "123456" }), 200).await;
    }
    let credentials = json!({ "email": EMAIL, "password": PASSWORD });
    let held = post(&client, "signin", credentials.clone(), 200).await.json();
    let taker = ours.taker_of_ids().await;
    bearing(&taker, &held["id_token"]).get("/v1/auth/valid").await.expect(200);
    bearing(&taker, &held["access_token"]).get("/v1/auth/valid").await.expect(403);
    // moto signs for every pool with one key: only what is said tells them apart.
    let foreign = post(&other, "signin", credentials, 200).await.json();
    bearing(&taker, &foreign["id_token"]).get("/v1/auth/valid").await.expect(403);
    bearing(&other, &held["access_token"]).get("/v1/auth/valid").await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_behind_a_pool_tells_nobody_who_has_an_account() {
    let pool = Pool { id: format!("{REGION}_Failing"), client: "web".to_owned(), secret: None };
    for (error, sign_up, sign_in, send) in [
        // moto raises none of these.
        ("CodeDeliveryFailureException", 201, 503, 200),
        ("UserLambdaValidationException", 403, 401, 200),
        ("UnexpectedLambdaException", 503, 503, 200),
        ("NotAuthorizedException", 403, 401, 200),
        ("InternalErrorException", 503, 503, 503),
    ] {
        let client = served(pool.settings(&failing(error).await, "cognito", "access")).await;
        let credentials = json!({ "email": EMAIL, "password": PASSWORD });
        let said = post(&client, "signup", credentials.clone(), sign_up).await.json();
        if sign_up == 403 {
            assert!(said["detail"].as_str().unwrap().contains("user pool does not"), "{error}: {said}");
        }
        post(&client, "signin", credentials, sign_in).await;
        for path in ["resend", "password/forgot"] {
            post(&client, path, json!({ "email": EMAIL }), send).await;
        }
    }
}
