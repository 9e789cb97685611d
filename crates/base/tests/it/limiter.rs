//! The limiter in memory: exact against a model, and bounded in keys.

use std::sync::Arc;
use std::time::Duration;

use base::Limiter;
use base::clock::ManualClock;
use base::conformance::START;
use base::limiter::Policy;
use base::memory::MemoryLimiter;
use proptest::prelude::*;

/// A step of a caller: wait so many thousandths of the window, then ask for this cost.
fn steps() -> impl Strategy<Value = Vec<(u32, u32)>> {
    let wait = prop_oneof![4 => Just(0), 4 => 0_u32..40, 2 => 0_u32..400, 1 => 900_u32..1_100];
    prop::collection::vec((wait, 1_u32..6), 1..300)
}

/// How much of the admitted lies within `window` before `now`, the oldest instant excluded.
fn within(admitted: &[(Duration, u32)], now: Duration, window: Duration) -> u32 {
    admitted.iter().filter(|(at, _)| *at + window > now).map(|(_, cost)| cost).sum()
}

proptest! {
    /// Never more than the limit in any sliding window; and never refused if what was admitted in
    /// one window and two sixtieths leaves room.
    #[test]
    fn it_is_as_exact_as_it_says(limit in 1_u32..30, window_ms in 1_u64..100_000, steps in steps()) {
        let window = Duration::from_millis(window_ms);
        let slack = (window / 60) * 2 + Duration::from_nanos(120);
        let (policies, clock) = ([Policy::new("p", limit, window)], ManualClock::at(START));
        let limiter = MemoryLimiter::new(Arc::new(clock.clone()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (mut now, mut admitted) = (Duration::ZERO, Vec::new());
        for (wait, cost) in steps {
            let wait = window * wait / 1_000;
            clock.advance(wait);
            now += wait;
            let decision = runtime.block_on(limiter.check("k", &policies, cost));
            if decision.allowed() {
                admitted.push((now, cost));
                prop_assert!(within(&admitted, now, window) <= limit);
                prop_assert!(decision.standings[0].remaining <= limit - within(&admitted, now, window));
            } else {
                prop_assert!(within(&admitted, now, window + slack) + cost > limit);
            }
        }
    }

    /// What `retry_after` says is enough, and a nanosecond less is not.
    #[test]
    fn it_says_exactly_how_long_to_wait(limit in 1_u32..30, window_ms in 1_u64..100_000, steps in steps()) {
        let window = Duration::from_millis(window_ms);
        let (policies, clock) = ([Policy::new("p", limit, window)], ManualClock::at(START));
        let limiter = MemoryLimiter::new(Arc::new(clock.clone()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let check = |cost| runtime.block_on(limiter.check("k", &policies, cost));
        for (wait, cost) in steps {
            clock.advance(window * wait / 1_000);
            let Some(wait) = check(cost).retry_after else { continue };
            if cost <= limit {
                clock.advance(wait - Duration::from_nanos(1));
                prop_assert!(!check(cost).allowed());
                clock.advance(Duration::from_nanos(1));
                prop_assert!(check(cost).allowed());
            }
        }
    }
}

#[tokio::test]
async fn a_burst_over_the_edge_of_two_windows_is_not_let_through_twice() {
    let (policies, clock) = ([Policy::new("p", 100, Duration::from_secs(60))], ManualClock::at(START));
    let limiter = MemoryLimiter::new(Arc::new(clock.clone()));
    clock.advance(Duration::from_millis(59_900));
    let mut admitted = 0;
    for _ in 0..600 {
        admitted += u32::from(limiter.check("k", &policies, 1).await.allowed());
        clock.advance(Duration::from_millis(99));
    }
    assert_eq!(admitted, 100, "in 59.4 s");
}

#[tokio::test]
async fn with_no_room_for_more_keys_nobody_gets_more_than_the_policy() {
    let window = Duration::from_secs(60);
    let (policies, clock) = ([Policy::new("p", 3, window)], ManualClock::at(START));
    let limiter = MemoryLimiter::with_keys_max(Arc::new(clock.clone()), 10);
    let mut most = Vec::new();
    for n in 0..5_000 {
        let key = format!("10.0.{n}");
        let mut admitted = 0;
        for _ in 0..5 {
            admitted += u32::from(limiter.check(&key, &policies, 1).await.allowed());
        }
        most.push(admitted);
    }
    assert!(most.iter().all(|admitted| *admitted <= 3));
    assert_eq!(most[..10], [3; 10], "the first have counters of their own");
    let shared: u32 = most[10..].iter().sum();
    assert!((3..=1_024 * 3).contains(&shared), "{shared} for all the others together");

    // Those who have counters keep them, full as they are, however many strangers come.
    for n in 0..10 {
        assert!(!limiter.check(&format!("10.0.{n}"), &policies, 1).await.allowed());
    }
}

#[tokio::test]
async fn idle_keys_make_room() {
    let window = Duration::from_secs(60);
    let (policies, clock) = ([Policy::new("p", 3, window)], ManualClock::at(START));
    let limiter = MemoryLimiter::with_keys_max(Arc::new(clock.clone()), 10);
    for round in 0..20 {
        for n in 0..10 {
            let decision = limiter.check(&format!("{round}/{n}"), &policies, 3).await;
            assert!(decision.allowed(), "round {round}, key {n} shares a counter");
        }
        clock.advance(window + window / 60);
    }
}

#[tokio::test]
async fn a_policy_with_another_window_is_another_count() {
    let clock = ManualClock::at(START);
    let limiter = MemoryLimiter::new(Arc::new(clock));
    let minute = [Policy::new("p", 2, Duration::from_secs(60))];
    let hour = [Policy::new("p", 2, Duration::from_secs(3_600))];
    assert!(limiter.check("k", &minute, 2).await.allowed());
    assert!(limiter.check("k", &hour, 2).await.allowed());
    assert!(!limiter.check("k", &minute, 1).await.allowed());
    assert!(!limiter.check("k", &hour, 1).await.allowed());
}
