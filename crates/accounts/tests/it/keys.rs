//! The form of a key.

use std::collections::HashSet;
use std::sync::Arc;

use accounts::model::{KeyId, Presented, mint};
use base::{Environment, ErrorKind};
use uuid::Uuid;

use crate::world::{World, manual};

/// `prove keys` makes a million in a release build; so many take a second in this one.
const KEYS: usize = 50_000;

const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#[test]
fn keys_do_not_repeat_and_have_their_form() {
    let (mut ids, mut secrets, mut seen) = (HashSet::new(), HashSet::new(), [0_u32; 128]);
    for _ in 0..KEYS {
        let id = KeyId::of(Uuid::new_v4());
        let key = mint(Environment::Live, &id);
        let key = key.expose();
        let presented = Presented::parse(key).expect("a key that we made has the form of one");
        assert_eq!((&presented.id, presented.environment), (&id, Environment::Live));
        let (prefix, random) = key.split_at(9);
        assert_eq!((prefix, random.len(), &random[..12]), ("frt_live_", 50, id.as_str()));
        random[12..44].bytes().for_each(|c| seen[usize::from(c)] += 1);
        assert!(ids.insert(id) & secrets.insert(random[12..44].to_owned()));
    }
    let expected = u32::try_from(KEYS * 32 / 62).unwrap();
    for c in BASE62.bytes() {
        let count = seen[usize::from(c)];
        assert!(count.abs_diff(expected) < expected / 20, "{} was drawn {count} times of {expected}", char::from(c));
    }
}

#[tokio::test]
async fn a_key_with_any_one_character_changed_is_refused_before_any_read() {
    let world = World::new(Arc::new(manual())).await;
    for environment in [Environment::Live, Environment::Test, Environment::Dev] {
        let key = mint(environment, &KeyId::of(Uuid::new_v4())).expose().clone();
        world.accounts.verify(&key, true, None).await.unwrap_err();
        let reads = world.store.reads();
        let mut flips = 0;
        for at in 0..key.len() {
            for c in BASE62.chars().chain(['_', ' ', '-']).filter(|c| !key[at..].starts_with(*c)) {
                let flipped = format!("{}{c}{}", &key[..at], &key[at + 1..]);
                let error = world.accounts.verify(&flipped, true, None).await.unwrap_err();
                assert_eq!((error.kind(), error.message()), (ErrorKind::Unauthenticated, "Invalid API key format"));
                flips += 1;
            }
        }
        assert!(flips >= 58 * 64, "{flips}");
        assert_eq!(world.store.reads(), reads, "a key that cannot be one was looked up");
    }
    assert!(world.store.reads() > 0, "the counter counts nothing");
}

#[tokio::test]
async fn texts_that_are_no_keys_are_refused_before_any_read() {
    let world = World::new(Arc::new(manual())).await;
    let key = world.first.text.expose();
    let reads = world.store.reads();
    let wrong = [
        String::new(),
        "frt_".to_owned(),
        format!("{key}0"),
        key[..key.len() - 1].to_owned(),
        format!("{key}{key}"),
        key.to_lowercase(),
        key.replace("frt_live_", "frt_prod_"),
        key.replace("frt_live_", "frt_test_"),
        format!(" {key}"),
        format!("{key}\0"),
        format!("{}é{}", &key[..20], &key[22..]),
        key.replace('_', "-"),
        "x".repeat(1 << 20),
    ];
    for text in wrong {
        let error = world.accounts.verify(&text, true, None).await.unwrap_err();
        assert_eq!(error.message(), "Invalid API key format", "{}", &text.chars().take(80).collect::<String>());
    }
    assert_eq!(world.store.reads(), reads);
    world.accounts.verify(key, true, None).await.unwrap();
}
