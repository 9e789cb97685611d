//! Lists and their parameters.

use serde_json::Value;

use crate::server::{Server, server};
use crate::service::ITEMS;

fn names(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

async fn page(server: &Server, query: &str) -> Value {
    server.get(&format!("/api/v1/things{query}")).await.expect(200).json()
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let server = server();
    let (mut seen, mut query) = (Vec::new(), "?size=250".to_owned());
    loop {
        let list = page(&server, &query).await;
        assert_eq!(list["total"], 250);
        assert_eq!(list["has_more"], !list["next"].is_null());
        seen.extend(names(&list));
        match list["next"].as_str() {
            Some(next) => query = format!("?size=250&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, (0..250).map(|n| format!("{n:05}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_offset_skips_and_ends_at_ten_thousand() {
    let server = server();
    for (offset, limit) in [(0, 5), (1, 5), (69, 3), (70, 3), (9_999, 10), (10_000, 100)] {
        let list = page(&server, &format!("?offset={offset}&limit={limit}")).await;
        let expected: Vec<_> = (offset..offset + limit).map(|n| format!("{n:05}")).collect();
        assert_eq!(names(&list), expected, "offset {offset}");
        assert_eq!((&list["offset"], &list["limit"]), (&offset.into(), &limit.into()));
        assert_eq!(list["total"], ITEMS);
    }
    let beyond = server.get("/api/v1/things?offset=10001").await.expect(422);
    assert!(beyond.fields().contains(&"cursor".to_owned()));
}

#[tokio::test]
async fn limits_are_one_to_a_thousand() {
    let server = server();
    for (limit, status) in [("1", 200), ("1000", 200), ("0", 422), ("1001", 422), ("-1", 422), ("x", 422), ("", 422)] {
        let reply = server.get(&format!("/api/v1/things?limit={limit}")).await.expect(status);
        if status == 422 {
            assert_eq!(reply.fields(), ["limit"], "{limit:?}");
        }
    }
}

#[tokio::test]
async fn the_link_goes_where_the_cursor_goes() {
    let server = server();
    let reply = server.get("/api/v1/things?limit=2&prefix=a%20b").await.expect(200);
    let link = reply.header("link").to_owned();
    let target = link.strip_prefix('<').and_then(|rest| rest.strip_suffix(">; rel=\"next\"")).unwrap();
    let next = server.get(target).await.expect(200).json();
    assert_eq!(names(&next), ["a b00002", "a b00003"]);
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_and_caller_only() {
    let server = server();
    let list = page(&server, "?limit=1&prefix=a").await;
    let next = list["next"].as_str().unwrap();
    page(&server, &format!("?limit=7&prefix=a&cursor={next}")).await;
    let mut forged = next.to_owned();
    forged.pop();
    forged.push(if next.ends_with('A') { 'B' } else { 'A' });
    for (key, query) in [
        ("colleague", format!("?prefix=a&cursor={next}")),
        ("other", format!("?prefix=a&cursor={next}")),
        ("good", format!("?prefix=b&cursor={next}")),
        ("good", format!("?cursor={next}")),
        ("good", "?cursor=&prefix=a".to_owned()),
        ("good", "?cursor=AAAA&prefix=a".to_owned()),
        ("good", "?cursor=***&prefix=a".to_owned()),
        ("good", format!("?prefix=a&cursor={forged}")),
        ("good", format!("?prefix=a&cursor=A{}", &next[1..].chars().rev().collect::<String>())),
    ] {
        let reply = server.get_as(key, &format!("/api/v1/things{query}")).await.expect(422);
        assert_eq!(reply.fields(), ["cursor"], "{key} {query}");
    }
}

#[tokio::test]
async fn parameters_are_those_that_are_documented_and_come_once() {
    let server = server();
    assert_eq!(server.get("/api/v1/things?limit=1&limit=9999").await.expect(400).fields(), ["limit"]);
    assert_eq!(server.get("/api/v1/things?limits=1").await.expect(422).fields(), ["limits"]);
    assert_eq!(server.get("/api/v1/things?size=many").await.expect(422).fields(), ["size"]);
    assert_eq!(server.get("/api/v1/fail").await.expect(422).fields(), ["how"]);
    assert_eq!(server.get("/api/v1/me?x=1").await.expect(422).fields(), ["x"]);
    server.get("/api/v1/things?prefix=%ff").await.expect(400);
}
