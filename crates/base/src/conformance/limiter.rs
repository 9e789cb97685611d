//! What every limiter promises.

use std::time::Duration;

use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::Limiter;
use crate::conformance::Fixture;
use crate::limiter::Policy;

const WINDOW: Duration = Duration::from_millis(1_200);

/// Runs the suite of [`Limiter`](crate::Limiter) against what `$make` makes, each promise a test.
#[macro_export]
macro_rules! limiter_conformance {
    ($make:path) => {
        $crate::conformance_tests! { limiter, $make,
            a_limit_is_reached_and_not_passed
            no_sliding_window_holds_more_than_the_limit
            all_is_given_back_after_a_window
            after_the_wait_it_is_admitted
            every_policy_is_decided_before_any_is_charged
            a_look_costs_nothing
            standings_say_what_remains
            what_exceeds_the_limit_is_never_admitted
            keys_do_not_share_a_limit
            concurrent_checks_share_one_limit
        }
    };
}

fn policy(limit: u32) -> Policy {
    Policy::new("test", limit, WINDOW)
}

/// A window and the sixtieth that counting it conservatively may add.
fn held() -> Duration {
    WINDOW + WINDOW / 60
}

/// All of the limit can be had at once, and nothing above it.
pub async fn a_limit_is_reached_and_not_passed(fx: &Fixture<dyn Limiter>) {
    let policies = [policy(100)];
    for _ in 0..100 {
        assert!(fx.check(fx.name(), &policies, 1).await.allowed());
    }
    let refused = fx.check(fx.name(), &policies, 1).await;
    assert!(refused.retry_after.is_some_and(|wait| !wait.is_zero() && wait <= held()), "{refused:?}");
}

/// However checks fall, no stretch of time shorter than the window ever holds more than the limit.
pub async fn no_sliding_window_holds_more_than_the_limit(fx: &Fixture<dyn Limiter>) {
    let (policies, mut rng) = ([policy(20)], StdRng::seed_from_u64(1));
    let mut admitted: Vec<(Duration, Duration, u32)> = Vec::new();
    let mut refused = 0;
    for _ in 0..600 {
        let cost = rng.random_range(1..4);
        let before = fx.clock().monotonic();
        if fx.check(fx.name(), &policies, cost).await.allowed() {
            admitted.push((before, fx.clock().monotonic(), cost));
        } else {
            refused += 1;
        }
        if rng.random_bool(0.3) {
            fx.advance(WINDOW.mul_f64(rng.random_range(0.0..0.12))).await;
        }
    }
    for (n, (first, ..)) in admitted.iter().enumerate() {
        let within = admitted[n..].iter().take_while(|(_, last, _)| *last - *first < WINDOW);
        let sum: u32 = within.map(|(.., cost)| cost).sum();
        assert!(sum <= 20, "{sum} admitted from {first:?} on");
    }
    assert!(refused > 50 && admitted.len() > 50, "{refused} refused, {} admitted", admitted.len());
}

/// A window later, and a sixtieth, everything can be had again.
pub async fn all_is_given_back_after_a_window(fx: &Fixture<dyn Limiter>) {
    let policies = [policy(7)];
    for _ in 0..3 {
        assert!(fx.check(fx.name(), &policies, 7).await.allowed());
        assert!(!fx.check(fx.name(), &policies, 1).await.allowed());
        fx.advance(held()).await;
    }
}

/// `retry_after` is enough.
pub async fn after_the_wait_it_is_admitted(fx: &Fixture<dyn Limiter>) {
    let policies = [policy(10)];
    for cost in [4, 3, 3] {
        assert!(fx.check(fx.name(), &policies, cost).await.allowed());
        fx.advance(WINDOW / 10).await;
    }
    for cost in [1, 4, 5, 10] {
        let wait = fx.check(fx.name(), &policies, cost).await.retry_after.unwrap();
        fx.advance(wait).await;
        assert!(fx.check(fx.name(), &policies, cost).await.allowed(), "{cost} after {wait:?}");
    }
}

/// A check that one policy refuses uses nothing of another.
pub async fn every_policy_is_decided_before_any_is_charged(fx: &Fixture<dyn Limiter>) {
    let (wide, narrow) = (Policy::new("wide", 10, WINDOW), Policy::new("narrow", 2, WINDOW * 2));
    for order in [[wide.clone(), narrow.clone()], [narrow.clone(), wide.clone()]] {
        let key = format!("{}{}", fx.name(), order[0].name);
        assert!(fx.check(&key, &order, 2).await.allowed());
        for _ in 0..5 {
            assert!(!fx.check(&key, &order, 1).await.allowed());
        }
        assert!(fx.check(&key, std::slice::from_ref(&wide), 8).await.allowed());
        assert!(!fx.check(&key, std::slice::from_ref(&wide), 1).await.allowed());
    }
}

/// Cost 0 is always admitted and never counted.
pub async fn a_look_costs_nothing(fx: &Fixture<dyn Limiter>) {
    let policies = [policy(2)];
    for used in 0..3 {
        for _ in 0..5 {
            let look = fx.check(fx.name(), &policies, 0).await;
            assert!(look.allowed());
            assert_eq!(look.standings[0].remaining, 2 - used);
        }
        assert_eq!(fx.check(fx.name(), &policies, 1).await.allowed(), used < 2);
    }
}

/// For each policy, in order: what is left, and how long until some comes back.
pub async fn standings_say_what_remains(fx: &Fixture<dyn Limiter>) {
    let policies = [Policy::new("a", 10, WINDOW), Policy::new("b", 5, WINDOW * 2)];
    let unused = fx.check(fx.name(), &policies, 0).await.standings;
    assert_eq!(
        unused.iter().map(|s| (s.remaining, s.reset)).collect::<Vec<_>>(),
        [(10, Duration::ZERO), (5, Duration::ZERO)]
    );
    let used = fx.check(fx.name(), &policies, 3).await.standings;
    assert_eq!(used.iter().map(|s| s.remaining).collect::<Vec<_>>(), [7, 2]);
    assert!(used[0].reset > WINDOW / 2 && used[0].reset <= held(), "{used:?}");
    assert!(used[1].reset > WINDOW && used[1].reset <= held() * 2, "{used:?}");
    let refused = fx.check(fx.name(), &policies, 3).await.standings;
    assert_eq!(refused.iter().map(|s| s.remaining).collect::<Vec<_>>(), [7, 2]);
}

/// A cost above the limit is refused even when nothing is used, and a limit of 0 refuses all.
pub async fn what_exceeds_the_limit_is_never_admitted(fx: &Fixture<dyn Limiter>) {
    for (limit, cost) in [(5, 6), (5, u32::MAX), (0, 1)] {
        let decision = fx.check(fx.name(), &[policy(limit)], cost).await;
        assert!(decision.retry_after.is_some_and(|wait| !wait.is_zero()), "{decision:?}");
        assert_eq!(decision.standings[0].remaining, limit);
    }
}

/// What one key uses is not missing from another.
pub async fn keys_do_not_share_a_limit(fx: &Fixture<dyn Limiter>) {
    let policies = [policy(1)];
    for n in 0..50 {
        assert!(fx.check(&format!("{}{n}", fx.name()), &policies, 1).await.allowed());
    }
}

/// Callers side by side get the limit between them, exactly.
pub async fn concurrent_checks_share_one_limit(fx: &Fixture<dyn Limiter>) {
    let policies = [Policy::new("test", 100, Duration::from_secs(3_600))];
    let callers = (0..8).map(|_| {
        let (limiter, key, policies) = (fx.share(), fx.name().to_owned(), policies.clone());
        tokio::spawn(async move {
            let mut admitted = 0;
            for _ in 0..50 {
                admitted += u32::from(limiter.check(&key, &policies, 1).await.allowed());
            }
            admitted
        })
    });
    let admitted: u32 = join_all(callers).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(admitted, 100);
}
