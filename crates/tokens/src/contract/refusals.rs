//! What is answered otherwise, and who is.

use super::{Callers, chart};

/// Of EIP-55.
const MIXED: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

pub(super) async fn cases(callers: &Callers) {
    who_may_not_call_is_answered_403(callers).await;
    what_is_wrong_is_named(callers).await;
    what_is_not_there_is_404_and_what_is_not_known_501(callers).await;
    an_address_is_the_same_in_any_honest_case(callers).await;
}

async fn who_may_not_call_is_answered_403(callers: &Callers) {
    let path = chart("ethereum", 1, "1d");
    for caller in [
        &callers.nobody,
        &callers.other,
        &callers.nobody.with_key("frt_live_none"),
        &callers.nobody.with_header("authorization", "Bearer none"),
    ] {
        let refused = caller.get(&path).await.expect(403).json();
        assert_eq!(refused["status"], 403);
    }
}

async fn what_is_wrong_is_named(callers: &Callers) {
    let wrong_case = MIXED.replace("5aA", "5AA");
    for (path, field, allowed) in [
        (chart("ethereum", 1, "2h"), "frequency", "1h, 4h, 1d, 1w, 1m, all"),
        (chart("ethereum", 1, ""), "frequency", "1h, 4h, 1d, 1w, 1m, all"),
        ("/v1/chart/ethereum/0x12".to_owned(), "token_address", "40 hexadecimal digits"),
        (format!("/v1/chart/ethereum/{wrong_case}"), "token_address", "EIP-55"),
        ("/v1/chart/ethereum/vitalik.eth".to_owned(), "token_address", "40 hexadecimal digits"),
        (format!("/v1/chart/ethereum/{MIXED}?freq=1d"), "freq", "frequency"),
    ] {
        let refused = callers.reader.get(&path).await.expect(400).json();
        assert_eq!(
            (refused["error"].as_str(), refused["details"][0]["field"].as_str()),
            (Some("validation_error"), Some(field))
        );
        assert!(refused["message"].as_str().expect("a text").contains(allowed), "{path}: {refused}");
    }
}

async fn what_is_not_there_is_404_and_what_is_not_known_501(callers: &Callers) {
    let nowhere = format!("/v1/chart/base/0x{:036x}0000", 9);
    for _ in 0..2 {
        callers.reader.get(&nowhere).await.expect(404);
    }
    let unknown = callers.reader.get(&chart("solana", 1, "1d")).await.expect(501).json();
    assert!(unknown["message"].as_str().expect("a text").contains("ethereum, arbitrum, base"), "{unknown}");
}

async fn an_address_is_the_same_in_any_honest_case(callers: &Callers) {
    let mut tags = Vec::new();
    for address in [MIXED.to_owned(), MIXED.to_lowercase(), format!("0x{}", MIXED[2..].to_uppercase())] {
        let answer = callers.reader.get(&format!("/v1/chart/ethereum/{address}")).await.expect(200);
        tags.push(answer.header("etag").map(str::to_owned));
    }
    assert!(tags[0].is_some() && tags.iter().all(|tag| *tag == tags[0]), "{tags:?}");
}
