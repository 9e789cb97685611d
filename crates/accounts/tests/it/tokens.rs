//! Callers without a key: tokens of an issuer elsewhere, and what AWS says of its principals.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use accounts::model::IamPrincipal;
use accounts::model::jwt::{Algorithm, Grants, Issuer, TokenUse};
use accounts::service::{ASK_EVERY, Jwks, KeySource, Trusted};
use accounts::{Accounts, Deps, SignIn};
use async_trait::async_trait;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base::clock::ManualClock;
use base::{Clock as _, Error, ErrorKind, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::world::{World, manual};

const ISSUER: &str = "https://login.example.com";

/// An issuer with one key, until it withdraws that; its answers wait for a permit each, and are errors while it is
/// away.
struct Elsewhere {
    key: Ed25519KeyPair,
    asked: AtomicU64,
    answers: Semaphore,
    away: AtomicBool,
    withdrawn: AtomicBool,
}

impl Elsewhere {
    fn new() -> Arc<Self> {
        let key = Ed25519KeyPair::generate().unwrap();
        let (asked, answers, away, withdrawn) = (AtomicU64::new(0), Semaphore::new(0), false.into(), false.into());
        Arc::new(Self { key, asked, answers, away, withdrawn })
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    fn token(&self, kid: &str, clock: &ManualClock) -> String {
        let now = clock.now().as_second();
        let claims = json!({
            "iss": ISSUER, "sub": "jane", "aud": "freight", "iat": now, "exp": now + 3_600,
            "scope": "freight/read other", "tenant": "default",
        });
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::EdDSA) };
        let private = self.key.to_pkcs8().unwrap();
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(private.as_ref())).unwrap()
    }

    fn accounts(self: &Arc<Self>, world: &World) -> Accounts {
        let issuer = Issuer {
            name: ISSUER.to_owned(),
            algorithms: vec![Algorithm::EdDSA],
            token_use: TokenUse::Audience,
            audience: vec!["freight".to_owned()],
            tenant_claim: "tenant".to_owned(),
            tenant_default: None,
            groups_claim: "groups".to_owned(),
            grants: Grants(vec!["freight/read=jobs:read".parse().unwrap()]),
            leeway: Duration::ZERO,
        };
        let keys = Jwks::new(self.clone(), issuer.algorithms.clone(), world.clock.clone());
        let trusted = vec![Trusted { issuer, keys: Arc::new(keys) }];
        let deps = Deps { store: world.store.clone(), clock: world.clock.clone() };
        Accounts::with_sign_in(deps, SignIn { trusted, ..SignIn::default() })
    }
}

#[async_trait]
impl KeySource for Elsewhere {
    async fn fetch(&self) -> Result<Vec<u8>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.answers.acquire().await.unwrap().forget();
        if self.away.load(Ordering::SeqCst) {
            return Err(Error::unavailable("away"));
        }
        let x = URL_SAFE_NO_PAD.encode(self.key.public_key().as_ref());
        let shared = json!({ "kty": "oct", "kid": "shared", "k": "c2VjcmV0" });
        let key = json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "one", "x": x });
        let mut keys = vec![shared, json!({ "kty": "new", "kid": "two" })];
        if !self.withdrawn.load(Ordering::SeqCst) {
            keys.push(key);
        }
        Ok(json!({ "keys": keys }).to_string().into_bytes())
    }
}

#[tokio::test]
async fn all_who_wait_share_one_question_though_the_first_goes_away() {
    let clock = manual();
    let world = World::new(Arc::new(clock.clone())).await;
    let elsewhere = Elsewhere::new();
    let accounts = elsewhere.accounts(&world);
    let token = elsewhere.token("one", &clock);
    let verify = || {
        let (accounts, token) = (accounts.clone(), token.clone());
        tokio::spawn(async move { accounts.token_verify(&token, None).await })
    };
    let first = verify();
    while elsewhere.asked() == 0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    let others: Vec<_> = (0..8).map(|_| verify()).collect();
    elsewhere.answers.add_permits(1);
    for other in others {
        let holder = other.await.unwrap().unwrap();
        assert_eq!((holder.principal.as_str(), holder.tenant.id.as_str()), ("user:jane", "default"));
        assert_eq!(holder.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(), ["jobs:read"]);
    }
    assert_eq!(elsewhere.asked(), 1);
}

#[tokio::test]
async fn known_keys_go_on_while_the_issuer_is_away() {
    let clock = manual();
    let world = World::new(Arc::new(clock.clone())).await;
    let elsewhere = Elsewhere::new();
    elsewhere.answers.add_permits(100);
    let accounts = elsewhere.accounts(&world);
    accounts.token_verify(&elsewhere.token("one", &clock), None).await.unwrap();
    elsewhere.away.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        clock.advance(ASK_EVERY);
        for kid in ["two", "shared", "three"] {
            let error = accounts.token_verify(&elsewhere.token(kid, &clock), None).await.unwrap_err();
            assert_eq!((error.kind(), error.message()), (ErrorKind::Unauthenticated, "Invalid access token"));
        }
        accounts.token_verify(&elsewhere.token("one", &clock), None).await.unwrap();
    }
    assert_eq!(elsewhere.asked(), 6);
}

/// Among what is left there is no key that could be used.
#[tokio::test]
async fn a_key_that_is_withdrawn_ends_although_it_was_the_last() {
    let clock = manual();
    let world = World::new(Arc::new(clock.clone())).await;
    let elsewhere = Elsewhere::new();
    elsewhere.answers.add_permits(2);
    let accounts = elsewhere.accounts(&world);
    let token = elsewhere.token("one", &clock);
    accounts.token_verify(&token, None).await.unwrap();
    elsewhere.withdrawn.store(true, Ordering::SeqCst);
    clock.advance(Duration::from_secs(300));
    // It is asked for again beside this one.
    accounts.token_verify(&token, None).await.unwrap();
    accounts.settle().await.unwrap();
    assert_eq!(elsewhere.asked(), 2);
    assert_eq!(accounts.token_verify(&token, None).await.unwrap_err().kind(), ErrorKind::Unauthenticated);
}

#[tokio::test]
async fn a_store_that_does_not_answer_lets_nobody_in() {
    let clock = manual();
    let world = World::new(Arc::new(clock.clone())).await;
    let elsewhere = Elsewhere::new();
    elsewhere.answers.add_permits(1);
    let accounts = elsewhere.accounts(&world);
    world.store.down.store(true, Ordering::SeqCst);
    let error = accounts.token_verify(&elsewhere.token("one", &clock), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

const USER: &str = "arn:aws:iam::123456789012:user/meter";
const ROLE: &str = "arn:aws:sts::123456789012:assumed-role/collector/";

#[tokio::test]
async fn a_principal_of_aws_is_who_the_configuration_says() {
    let world = World::new(Arc::new(manual())).await;
    let principals = [format!("{USER}=default/meter@source:write"), format!("{ROLE}*=default/collector@reader")];
    let iam_principals = principals.iter().map(|text| text.parse().unwrap()).collect();
    let deps = Deps { store: world.store.clone(), clock: world.clock.clone() };
    let accounts = Accounts::with_sign_in(deps, SignIn { iam_principals, ..SignIn::default() });

    let meter = accounts.arn_verify(USER, None).await.unwrap();
    assert_eq!((meter.principal.as_str(), meter.tenant.id.as_str()), ("iam:meter", "default"));
    assert_eq!(meter.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(), ["source:write"]);
    let session = accounts.arn_verify(&format!("{ROLE}i-0abc"), Some("default")).await.unwrap();
    assert_eq!(session.principal.as_str(), "iam:collector");
    for stranger in ["", &format!("{USER}2"), ROLE, &format!("{ROLE}a/b"), "arn:aws:iam::999999999999:user/meter"] {
        let error = accounts.arn_verify(stranger, None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{stranger}");
    }
    let error = accounts.arn_verify(USER, Some("system")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
}

#[test]
fn a_principal_of_aws_is_written_in_one_way() {
    for wrong in [
        "meter=default/meter@reader",
        "arn:aws:iam::1:user/a=default/a",
        "arn:aws:iam::1:user/a=default@reader",
        "arn:aws:iam::1:user/a=default/a@king",
        "arn:aws:iam::1:user/a=default/a@platform",
        "arn:aws:iam::1:user/a=default/a@ops:read",
        "arn:aws:iam::1:user/*/b=default/a@reader",
        "arn:aws:iam::1:user/a=default/a b@reader",
    ] {
        assert!(wrong.parse::<IamPrincipal>().is_err(), "{wrong}");
    }
}
