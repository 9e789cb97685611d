//! Four copies over one Redis, and callers who want more than they may have.
//!
//! Never are more than the limit admitted in any sixty seconds, however the callers spell their
//! requests. While Redis is away each copy counts for itself: then there is a bound still, and the
//! copies are not shut. The crowd leaves nothing of what they count themselves, and Redis comes back
//! empty: so whoever is let in soon afterwards was counted by Redis, and each copy has to let one in.
//! The saboteurs are copies that were never told of the Redis, and a limiter that counts in fixed windows,
//! reckoned at the instants of the crowd.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use sandbox::Behaviour;
use serde_json::{Value, json};
use testkit::copies::Copy;

use crate::Script;

const COPIES: usize = 4;
/// What a tenant may ask of control routes in a minute.
const LIMIT: usize = 100;
const WINDOW: Duration = Duration::from_secs(60);
/// One request opens what a limiter of fixed windows would count by; the crowd comes before its end.
const CROWD_AT: Duration = Duration::from_secs(55);
/// How long the crowd stays, at least.
const CROWD_LEAST: Duration = Duration::from_secs(10);
const ABREAST: usize = 16;

/// One request that was admitted: it was decided between these instants.
#[derive(Clone, Copy, Debug)]
struct Admitted {
    sent: Duration,
    answered: Duration,
}

pub(crate) async fn play(script: &Script) -> Value {
    let lasts = Duration::from_secs(script.rounds).max(CROWD_LEAST);
    let mut backends = script.backends(Behaviour::default(), &[]).await;
    let start = |arguments: &[&str]| {
        let mut command = backends.command(&script.program, arguments);
        if script.saboteur.is_some() {
            command.env_remove("REDIS_URL");
        }
        Copy::start(command)
    };
    let mut copies = vec![start(&["api", "--sandbox"])];
    while copies.len() < COPIES {
        copies.push(start(&["api"]));
    }
    let crowd = Crowd::of(&copies, &backends.key());
    if script.saboteur.is_some() {
        let alone = crowd.come_for(CROWD_LEAST).await;
        return json!({ "most": most(&alone.admitted), "most_in_fixed_windows": most(&fixed_windows(lasts)) });
    }
    crowd.ask_once().await;
    tokio::time::sleep(CROWD_AT).await;
    let with = crowd.come_for(lasts).await;
    backends.redis.stop();
    let without = crowd.come_for(CROWD_LEAST).await;
    backends.redis.restart();
    // A copy that found Redis away looks again after some seconds.
    tokio::time::sleep(WINDOW / 4).await;
    let first = crowd.ask_each().await;
    let again = crowd.come_for(CROWD_LEAST).await;
    let mut statuses = BTreeMap::new();
    for told in [&with, &without, &first, &again] {
        told.statuses.iter().for_each(|(status, count)| *statuses.entry(status.to_string()).or_insert(0) += count);
    }
    let returned = first.admitted.len();
    json!({
        "limit": LIMIT,
        "copies": COPIES,
        "most": most(&with.admitted),
        "most_without_redis": most(&without.admitted),
        "most_with_redis_again": most(&[first.admitted, again.admitted].concat()),
        "copies_with_redis_again": returned,
        "statuses": statuses,
    })
}

/// The most that were admitted for sure within any window: decided after its beginning and before its end.
fn most(admitted: &[Admitted]) -> usize {
    let within =
        |from: Duration| admitted.iter().filter(|one| one.sent >= from && one.answered <= from + WINDOW).count();
    admitted.iter().map(|one| within(one.sent)).max().unwrap_or_default()
}

/// What a limiter that counts in windows one after the other admits of the same crowd.
fn fixed_windows(lasts: Duration) -> Vec<Admitted> {
    let (mut admitted, mut counted) = (Vec::new(), BTreeMap::new());
    let every = Duration::from_millis(10);
    let crowd = (0..).map(|n| CROWD_AT + n * every).take_while(|at| *at < CROWD_AT + lasts);
    for at in std::iter::once(Duration::ZERO).chain(crowd) {
        let count = counted.entry(at.as_secs() / WINDOW.as_secs()).or_insert(0);
        if *count < LIMIT {
            *count += 1;
            admitted.push(Admitted { sent: at, answered: at });
        }
    }
    admitted
}

/// Callers of all copies.
struct Crowd {
    http: reqwest::Client,
    urls: Vec<String>,
    key: String,
    begun: Instant,
}

#[derive(Default)]
struct Told {
    admitted: Vec<Admitted>,
    statuses: BTreeMap<u16, u64>,
}

impl Told {
    fn count(&mut self, (admitted, status): (Admitted, u16)) {
        *self.statuses.entry(status).or_default() += 1;
        if status == 200 {
            self.admitted.push(admitted);
        }
    }
}

impl Crowd {
    fn of(copies: &[Copy], key: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(WINDOW / 2).build().unwrap();
        let urls = copies.iter().map(|copy| copy.url.clone()).collect();
        Self { http, urls, key: key.to_owned(), begun: Instant::now() }
    }

    async fn ask_once(&self) {
        assert_eq!(self.ask(0).await.1, 200);
    }

    /// Asks one copy after the other, each until it lets somebody in, for a while.
    async fn ask_each(&self) -> Told {
        let mut told = Told::default();
        for n in 0..self.urls.len() {
            let until = Instant::now() + WINDOW / 6;
            loop {
                let (admitted, status) = self.ask(n).await;
                told.count((admitted, status));
                if status == 200 || Instant::now() >= until {
                    break;
                }
                tokio::time::sleep(WINDOW / 120).await;
            }
        }
        told
    }

    async fn come_for(&self, lasts: Duration) -> Told {
        let until = Instant::now() + lasts;
        let requests = (0..).take_while(|_| Instant::now() < until).map(|n| self.ask(n));
        let mut answers = futures::stream::iter(requests).buffer_unordered(ABREAST);
        let mut told = Told::default();
        while let Some(answer) = answers.next().await {
            told.count(answer);
        }
        told
    }

    /// Asks the next copy, spelled in one of the ways in which somebody might hope to be counted anew.
    async fn ask(&self, n: usize) -> (Admitted, u16) {
        let url = &self.urls[n % self.urls.len()];
        let path = ["/api/v1/me", "/api/v1/keys?limit=1", "/api/v1/keys", "/api/v1/me"][n / COPIES % 4];
        let request = self.http.get(format!("{url}{path}"));
        let request = match n / COPIES % 5 {
            0 => request.header("authorization", format!("Bearer {}", self.key)),
            1 => request.header("x-api-key", &self.key).header("x-forwarded-for", format!("192.0.2.{}", n % 250)),
            2 => request.header("x-api-key", &self.key).header("x-request-id", n.to_string()),
            _ => request.header("x-api-key", &self.key),
        };
        let sent = self.begun.elapsed();
        let status = request.send().await.map_or(0, |answer| answer.status().as_u16());
        (Admitted { sent, answered: self.begun.elapsed() }, status)
    }
}
