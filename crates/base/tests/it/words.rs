//! Ages, identifiers and contexts.

use std::time::Duration;

use base::clock::{ManualClock, add};
use base::conformance::START;
use base::ctx::derived_uuid;
use base::{Clock, Ctx, Freshness, Principal, RequestId, Scope, Scopes, TaskId, TenantId};
use proptest::prelude::*;
use uuid::Uuid;

#[test]
fn an_answer_is_stale_once_it_is_older_than_allowed() {
    let freshness = Freshness { computed_at: Some(START), staleness: Some(Duration::from_secs(60)) };
    for (age_us, stale) in [(0, false), (59_999_999, false), (60_000_000, false), (60_000_001, true)] {
        let age = Duration::from_micros(age_us);
        assert_eq!(freshness.age(add(START, age)), age);
        assert_eq!(freshness.is_stale(add(START, age)), stale, "{age:?}");
    }
}

#[test]
fn without_a_time_or_a_bound_nothing_is_stale() {
    let later = add(START, Duration::from_secs(1 << 30));
    let unknown = Freshness { computed_at: None, staleness: Some(Duration::ZERO) };
    let unbounded = Freshness { computed_at: Some(START), staleness: None };
    assert!(!unknown.is_stale(later) && !unbounded.is_stale(later));
    assert_eq!(unknown.age(later), Duration::ZERO);
}

proptest! {
    #[test]
    fn an_answer_from_the_future_has_no_age(ahead_us in 1_u64..1 << 50, staleness_us: u64) {
        let staleness = Some(Duration::from_micros(staleness_us));
        let freshness = Freshness { computed_at: Some(add(START, Duration::from_micros(ahead_us))), staleness };
        prop_assert_eq!(freshness.age(START), Duration::ZERO);
        prop_assert!(!freshness.is_stale(START));
    }

    #[test]
    fn a_tenant_is_what_its_rule_says(text in "[a-zA-Z0-9_-]{0,66}") {
        let fits = (1..=63).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        prop_assert_eq!(text.parse::<TenantId>().is_ok(), fits);
    }
}

#[test]
fn only_the_canonical_form_of_an_identifier_is_one() {
    let id = TaskId::new(derived_uuid(START, &[b"x"]));
    assert_eq!(id.to_string().parse::<TaskId>().unwrap(), id);
    for other in [id.to_string().to_uppercase(), id.uuid().simple().to_string(), id.uuid().urn().to_string()] {
        other.parse::<TaskId>().unwrap_err();
    }
}

#[test]
fn a_request_taken_over_makes_the_same_identifiers() {
    let context = |seed: u128| {
        let tenant = TenantId::DEFAULT.parse().unwrap();
        let scopes = Scopes::default().with(Scope::JobsRead);
        Ctx::new(tenant, Principal::new("key:1"), scopes, RequestId::random(), START, Uuid::from_u128(seed))
    };
    assert_eq!(context(1).uuid("job"), context(1).uuid("job"));
    assert_ne!(context(1).uuid("job"), context(2).uuid("job"));
    assert_ne!(context(1).uuid("job"), context(1).uuid("task"));
    assert_eq!(context(1).uuid("job").get_version_num(), 7);
    context(1).require(Scope::JobsRead).unwrap();
    context(1).require(Scope::JobsWrite).unwrap_err();
    assert_ne!(derived_uuid(START, &[b"ab", b"c"]), derived_uuid(START, &[b"a", b"bc"]));
}

#[tokio::test]
async fn a_manual_clock_wakes_who_has_slept_enough() {
    let clock = ManualClock::at(START);
    let mut sleep = clock.sleep(Duration::from_secs(2));
    for _ in 0..2 {
        assert!(futures::poll!(&mut sleep).is_pending());
        clock.advance(Duration::from_secs(1));
    }
    assert!(futures::poll!(&mut sleep).is_ready());
    assert_eq!(clock.now(), add(START, Duration::from_secs(2)));
}
