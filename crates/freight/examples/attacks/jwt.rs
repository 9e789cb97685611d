//! Strangers show tokens that no issuer made, that it made for others, or that are over.
//!
//! An issuer of OpenID Connect publishes its keys over HTTP on loopback; the server knows it by nothing
//! but its configuration. Four things are judged:
//!
//! - *Crafted tokens* ([`crafted`]): none is taken, and none makes the server ask for keys more often.
//! - *Good tokens*: each is taken, also those on the very edge of what is allowed.
//! - *A flood of unknown keys*: for a minute of the server's clock, the issuer is asked at most every
//!   ten seconds; while it is away, known keys go on, and an unknown one is refused, not failed.
//! - *Rotations*: keys come and go while many call, each new one used at once; nobody is turned away
//!   whose token is good, and a key that was withdrawn ends.
//!
//! The broken server leaves the judgement to the library's own defaults.

mod crafted;
mod forge;
mod issuer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use accounts::model::jwt::{Algorithm, Grants, Issuer, TokenUse};
use base::Clock as _;
use base::clock::{ManualClock, SystemClock};
use freight::compose::Settings;
use freight::config;
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::{Value, json};
use testkit::Client;

use crate::Found;
use crate::rig::{Rig, at_once, first_caller};
use forge::{Forge, RSA, Token};
use issuer::Published;

/// Callers at once.
const CALLERS: usize = 40;
/// The issuer is asked again at most so often.
const ASK_EVERY: Duration = Duration::from_secs(10);
/// An answer older than this is asked for again.
const AGED: Duration = Duration::from_secs(300);
/// Unknown keys that are named in each second of the flood.
const FLOOD: usize = 40;

/// So many rotations; or the broken server.
pub(crate) async fn run(rotations: u64, broken: bool) -> Found {
    let mut attack = Attack::new(broken).await;
    if broken {
        attack.forged().await;
    } else {
        attack.crafted().await;
        attack.flood().await;
        attack.rotations(rotations).await;
    }
    Found { figures: attack.figures, wrong: attack.wrong }
}

struct Attack {
    clock: ManualClock,
    published: Published,
    forge: Forge,
    door: Door,
    figures: Value,
    wrong: Vec<String>,
    _rig: Rig,
}

/// Who judges tokens.
#[derive(Clone)]
enum Door {
    /// The server, asked for `/v1/auth/valid`, each time from another address.
    Server(Client, Arc<AtomicU64>),
    /// The library, as it judges when it is told an audience and an issuer and nothing else.
    Defaults(Published),
}

/// What became of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Taken,
    Refused,
    /// Neither: the status.
    Odd(u16),
}

impl Attack {
    async fn new(broken: bool) -> Self {
        let clock = ManualClock::at(SystemClock::new().now());
        let mut forge = Forge::new(&clock);
        let published = Published::serve().await;
        forge.issuer = published.name();
        published.set(&[forge.public(RSA), forge.public(forge::EC)]);
        let rig = Rig::new(Arc::new(clock.clone()));
        let auth = config::Auth { issuer: Some((trusted(&forge), published.url())), ..config::Auth::default() };
        let freight = rig.server(rig.store.clone(), Settings { auth, ..Settings::default() }).await;
        first_caller(&freight).await;
        let door = match broken {
            false => Door::Server(Client::app(&freight.app), Arc::default()),
            true => Door::Defaults(published.clone()),
        };
        Self { clock, published, forge, door, figures: json!({}), wrong: Vec::new(), _rig: rig }
    }

    async fn crafted(&mut self) {
        let good = crafted::good(&self.forge);
        for (name, token) in &good {
            self.expect(&format!("good: {name}"), token, Fate::Taken).await;
        }
        let asked = self.published.asked();
        let crafted = self.forged().await;
        // The clock stands still: whatever they name, nobody is asked again.
        if self.published.asked() != asked {
            self.wrong.push(format!("the issuer was asked {} times more", self.published.asked() - asked));
        }
        self.figures["good"] = good.len().into();
        self.figures["crafted"] = crafted.into();
    }

    /// Shows every token that nobody may take; how many there are.
    async fn forged(&mut self) -> usize {
        let crafted = crafted::crafted(&self.forge);
        for (name, token) in &crafted {
            self.expect(name, token, Fate::Refused).await;
        }
        crafted.len()
    }

    async fn flood(&mut self) {
        let asked = self.published.asked();
        let mut named = 0_u64;
        for second in 0..60 {
            self.clock.advance(Duration::from_secs(1));
            self.published.away((20..40).contains(&second));
            let strangers = (0..FLOOD).map(|n| self.forge.with_kid(&format!("stranger-{second}-{n}"))).collect();
            named += self.all(strangers, Fate::Refused, "an unknown key").await;
            let known = vec![self.forge.token(RSA)];
            self.all(known, Fate::Taken, "a known key in the flood").await;
        }
        let asked = self.published.asked() - asked;
        let most = 60 / ASK_EVERY.as_secs() + 1;
        if asked > most {
            self.wrong.push(format!("the issuer was asked {asked} times in a minute, more than {most}"));
        }
        self.figures["unknown_keys"] = named.into();
        self.figures["asked_in_the_flood"] = asked.into();
    }

    async fn rotations(&mut self, rotations: u64) {
        let (mut calls, asked) = (0, self.published.asked());
        let mut current = RSA.to_owned();
        for n in 0..rotations {
            self.clock.advance(ASK_EVERY);
            let next = self.forge.rotate(n);
            self.published.set(&[self.forge.public(&current), self.forge.public(&next)]);
            // The new key is used the moment it is there, and the one before goes on.
            let tokens = (0..CALLERS).map(|n| self.forge.token(if n % 2 == 0 { &next } else { &current })).collect();
            calls += self.all(tokens, Fate::Taken, "a token in a rotation").await;
            current = next;
        }
        let asked = self.published.asked() - asked;
        if asked > rotations {
            self.wrong.push(format!("the issuer was asked {asked} times in {rotations} rotations"));
        }
        self.figures["rotations"] = rotations.into();
        self.figures["calls_in_rotations"] = calls.into();
        self.withdrawn(&current).await;
    }

    /// A key that is no longer published ends, though nobody names one that is unknown.
    async fn withdrawn(&mut self, key: &str) {
        let old = self.forge.token(key);
        let next = self.forge.rotate(u64::MAX);
        self.published.set(&[self.forge.public(&next)]);
        self.clock.advance(AGED);
        let asked = self.published.asked();
        // This one is let in, and makes the server look again beside it.
        self.expect("a key that was just withdrawn", &self.forge.token(key), Fate::Taken).await;
        for _ in 0..1_000 {
            if self.published.asked() > asked && self.door.fate(&old).await == Fate::Refused {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.wrong.push("a withdrawn key goes on".to_owned());
    }

    async fn expect(&mut self, name: &str, token: &str, expected: Fate) {
        let fate = self.door.fate(token).await;
        if fate != expected {
            self.wrong.push(format!("{name}: {fate:?}"));
        }
    }

    /// All of these at once; how many there were.
    async fn all(&mut self, tokens: Vec<Token>, expected: Fate, what: &str) -> u64 {
        let tokens: Arc<[Token]> = tokens.into();
        let fates = at_once(tokens.len(), |n| {
            let (door, tokens) = (self.door.clone(), tokens.clone());
            async move { door.fate(&tokens[n]).await }
        });
        let fates = fates.await;
        if let Some(odd) = fates.iter().find(|fate| **fate != expected) {
            self.wrong.push(format!("{what}: {odd:?}"));
        }
        fates.len() as u64
    }
}

impl Door {
    async fn fate(&self, token: &str) -> Fate {
        match self {
            Self::Server(client, callers) => {
                let caller = u32::try_from(callers.fetch_add(1, Ordering::Relaxed)).unwrap();
                let from = std::net::Ipv4Addr::from_bits(0x0a00_0000 | caller);
                let client = client.from_peer((from, 4711).into());
                let answer =
                    client.with_header("authorization", &format!("Bearer {token}")).get("/v1/auth/valid").await;
                match answer.status.as_u16() {
                    200 => Fate::Taken,
                    403 if answer.json()["error"] == "unauthenticated" || answer.json()["error"] == "forbidden" => {
                        Fate::Refused
                    }
                    status => Fate::Odd(status),
                }
            }
            Self::Defaults(published) => match by_defaults(published, token) {
                Some(_) => Fate::Taken,
                None => Fate::Refused,
            },
        }
    }
}

/// What the library says with its defaults.
fn by_defaults(published: &Published, token: &str) -> Option<Value> {
    let header = jsonwebtoken::decode_header(token).ok()?;
    let key = published.key(&header.kid?)?;
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[forge::CLIENT]);
    validation.set_issuer(&[published.name()]);
    let key = DecodingKey::from_jwk(&serde_json::from_value(key).ok()?).ok()?;
    jsonwebtoken::decode::<Value>(token, &key, &validation).ok().map(|token| token.claims)
}

fn trusted(forge: &Forge) -> Issuer {
    Issuer {
        name: forge.issuer.clone(),
        algorithms: vec![Algorithm::RS256, Algorithm::ES256],
        token_use: TokenUse::Access,
        audience: vec![forge::CLIENT.to_owned()],
        tenant_claim: "custom:tenant".to_owned(),
        tenant_default: "default".parse().ok(),
        groups_claim: "cognito:groups".to_owned(),
        grants: Grants(vec!["readers=reader".parse().unwrap()]),
        leeway: forge::LEEWAY,
    }
}
