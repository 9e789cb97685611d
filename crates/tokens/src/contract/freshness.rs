//! How old an answer is, and who is told so.

use serde_json::json;

use super::{Callers, chart, header};

/// How often it is asked again until something has come to be.
const TRIES_MAX: usize = 100;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

pub(super) async fn cases(callers: &Callers) {
    an_answer_says_how_it_came(callers).await;
    what_the_caller_has_is_not_sent_again(callers).await;
    only_if_cached_starts_nothing(callers).await;
    no_cache_has_it_computed_anew(callers).await;
    the_last_good_answer_is_marked(callers).await;
    who_is_asked_too_often_is_left_alone(callers).await;
}

async fn an_answer_says_how_it_came(callers: &Callers) {
    let path = chart("ethereum", 2, "1h");
    let first = callers.reader.get(&path).await.expect(200);
    assert!(header(&first, "cache-status").starts_with("freight; fwd=miss; stored; ttl="), "{first:?}");
    let control = "private, max-age=600, stale-while-revalidate=3600, stale-if-error=86400";
    let second = callers.reader.get(&path).await.expect(200);
    for answer in [&first, &second] {
        assert_eq!(header(answer, "cache-control"), control);
        assert!(header(answer, "age").parse::<u64>().expect("seconds") < 600);
    }
    assert!(header(&second, "cache-status").starts_with("freight; hit; ttl="), "{second:?}");
    assert_eq!((first.text(), header(&first, "etag")), (second.text(), header(&second, "etag")));
}

async fn what_the_caller_has_is_not_sent_again(callers: &Callers) {
    let path = chart("ethereum", 2, "1h");
    let tag = header(&callers.reader.get(&path).await.expect(200), "etag");
    let same = callers.reader.with_header("if-none-match", &tag).get(&path).await.expect(304);
    assert_eq!((same.text(), header(&same, "etag")), (String::new(), tag));
    assert!(header(&same, "cache-status").starts_with("freight; hit"));
    callers.reader.with_header("if-none-match", "\"other\"").get(&path).await.expect(200);
}

async fn only_if_cached_starts_nothing(callers: &Callers) {
    let (only, path) = (callers.reader.with_header("cache-control", "only-if-cached"), chart("base", 3, "1h"));
    let calls = calls(callers).await;
    only.get(&path).await.expect(504);
    assert_eq!(self::calls(callers).await, calls);
    callers.reader.get(&path).await.expect(200);
    only.get(&path).await.expect(200);
}

async fn no_cache_has_it_computed_anew(callers: &Callers) {
    let path = chart("base", 4, "1h");
    callers.reader.get(&path).await.expect(200);
    let before = calls(callers).await;
    let insists = callers.reader.with_header("cache-control", "no-cache");
    for _ in 0..TRIES_MAX {
        let answer = insists.get(&path).await.expect(200);
        assert!(header(&answer, "cache-status").contains("detail=computed"), "{answer:?}");
        if calls(callers).await > before {
            // At most once a second.
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("it was not computed anew");
}

async fn the_last_good_answer_is_marked(callers: &Callers) {
    let path = chart("arbitrum", 5, "1h");
    let good = callers.reader.get(&path).await.expect(200);
    behave(callers, &json!({ "faults": { "status_500": 1.0 } })).await;
    let insists = callers.reader.with_header("cache-control", "no-cache");
    let mut marked = insists.get(&path).await.expect(200);
    for _ in 0..TRIES_MAX {
        if header(&marked, "cache-status").ends_with("detail=producer-failing") {
            break;
        }
        tokio::time::sleep(PAUSE).await;
        marked = insists.get(&path).await.expect(200);
    }
    assert!(header(&marked, "cache-status").ends_with("detail=producer-failing"), "{marked:?}");
    assert_eq!((marked.text(), header(&marked, "etag")), (good.text(), header(&good, "etag")));
    // Of what there is no answer yet, none is made up.
    let refused = callers.reader.get(&chart("arbitrum", 6, "1h")).await.expect(502).json();
    assert_eq!(refused["error"], "unavailable");
    for fault in ["html", "not_json", "wrong_shape", "truncated", "cut", "reset", "malformed", "status_503"] {
        behave(callers, &json!({ "faults": { fault: 1.0 } })).await;
        let token = 100 + u32::try_from(fault.len()).expect("short");
        callers.reader.get(&chart("base", token, "4h")).await.expect(502);
    }
    behave(callers, &json!({})).await;
}

/// Asked too often, it says when to come again; so do we, and nobody asks it before that.
async fn who_is_asked_too_often_is_left_alone(callers: &Callers) {
    behave(callers, &json!({ "faults": { "status_429": 1.0 }, "retry_after_s": 3 })).await;
    let limited = callers.reader.get(&chart("base", 7, "4h")).await.expect(503);
    assert_eq!(header(&limited, "retry-after"), "3");
    let before = calls(callers).await;
    let others = callers.reader.get(&chart("base", 8, "4h")).await.expect(503);
    assert!(header(&others, "retry-after").parse::<u64>().expect("seconds") <= 3);
    assert_eq!(calls(callers).await, before);
    behave(callers, &json!({})).await;
    for _ in 0..TRIES_MAX {
        if callers.reader.get(&chart("base", 9, "4h")).await.status == 200 {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("it is not asked any more");
}

async fn behave(callers: &Callers, behaviour: &serde_json::Value) {
    let told = callers.sandbox.put("/_sandbox/config", behaviour).await;
    assert!(told.status.is_success(), "{}", told.text());
}

/// How often the sandbox was called.
async fn calls(callers: &Callers) -> u64 {
    callers.sandbox.get("/_sandbox/stats").await.expect(200).json()["calls"].as_u64().expect("a number")
}
