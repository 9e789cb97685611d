//! Items, and reading them one by one.

use crate::Store;
use crate::conformance::Fixture;
use crate::conformance::store::{OTHER, TABLE, int};
use crate::store::{Body, Field, Key, Range, Write};

/// Reading what nobody wrote is no error.
pub async fn a_missing_item_is_none(fx: &Fixture<dyn Store>) {
    assert_eq!(fx.read(&fx.key("p", "nothing")).await, None);
}

/// Fields, data, expiry and version come back as they were written.
pub async fn what_was_written_is_read(fx: &Fixture<dyn Store>) {
    let key = fx.key("p", "s");
    let expires = crate::clock::add(fx.clock().now(), std::time::Duration::from_micros(3_600_000_001));
    let body = Body::data(r#"{"a":1}"#).with("n", 7).with("s", "text").with("b", true).expiring(expires);
    let version = fx.done(Write::put(key.clone(), body.clone())).await;
    let item = fx.read(&key).await.unwrap();
    assert_eq!((item.key, item.version, item.body), (key, Some(version), body));
}

/// When a write has answered, every kind of read shows it.
pub async fn a_writer_reads_its_own_write(fx: &Fixture<dyn Store>) {
    for round in 1..=20 {
        let key = fx.key("p", &format!("{round:04}"));
        let version = fx.done(Write::put(key.clone(), Body::data("1"))).await;
        assert_eq!(fx.read(&key).await.unwrap().version, Some(version));
        assert_eq!(fx.count(TABLE, &key.partition, Range::All).await.unwrap(), round);
        assert_eq!(fx.sorts(fx.all_of("p").descending().limit(1)).await[0], key.sort);
    }
}

/// Data is one text: no number, space, escape or order in it changes.
pub async fn data_is_kept_to_the_byte(fx: &Fixture<dyn Store>) {
    let texts = [
        r#"{"n":12345678901234567890123456789012345678}"#,
        r#"[0.1234567890123456789012345678901234567,1.0,1e5,1E+05,-0.0,-0,1e-130,18446744073709551616]"#,
        r#"{"b":1,"a":2,"B":3,"":4}"#,
        " {\t\"a\" :\r\n 1 ,  \"b\":[ ] }\n ",
        r#""\u0000\ud83d\ude00\/\b\u00e9""#,
        "\"e\u{301} \u{e9} \u{202e}\u{feff}\u{2028} \u{ffff} \u{1f600} \u{10ffff} \u{7f}\"",
        r#""'; DROP TABLE items; -- ${a} %s {} ?1""#,
        "null",
        "0",
    ];
    for (n, text) in texts.into_iter().enumerate() {
        let key = fx.key("p", &n.to_string());
        fx.done(Write::put(key.clone(), Body::data(text))).await;
        assert_eq!(fx.read(&key).await.unwrap().data(), text);
    }
    let items = fx.items("p").await;
    assert_eq!(items.iter().map(|item| item.data()).collect::<Vec<_>>(), texts);
}

/// Fields keep their value and their type: `1`, `"1"` and `true` are three things.
pub async fn fields_are_kept_exactly(fx: &Fixture<dyn Store>) {
    let key = fx.key("p", "s");
    let mut body = Body::default();
    for value in [i64::MIN, -9_007_199_254_740_993, -1, 0, 1, 9_007_199_254_740_993, i64::MAX] {
        body = body.with(&format!("int{value}"), value);
    }
    for (n, text) in ["", " ", "1", "true", "null", "e\u{301}", "\u{1f600}", "a\nb", "'\""].into_iter().enumerate() {
        body = body.with(&format!("text{n}"), text);
    }
    body = body.with("yes", true).with("no", false);
    fx.done(Write::put(key.clone(), body.clone())).await;
    assert_eq!(fx.read(&key).await.unwrap().body, body);
}

/// A field may be called like a column, a reserved word or a placeholder of some store.
pub async fn a_field_may_have_any_name(fx: &Fixture<dyn Store>) {
    let names =
        ["data", "version", "expires", "pk", "sk", "fields", "name", "size", "a.b", "a b", "#x", ":y", "\u{e9}"];
    for name in names {
        let key = fx.key("p", name);
        fx.done(Write::put(key.clone(), Body::data("1").with(name, 1))).await;
        fx.done(Write::add(key.clone(), [(name, 4)]).when(crate::store::When::is(name, 1))).await;
        let body = fx.read(&key).await.unwrap().body;
        assert_eq!(body, Body::data("1").with(name, 5), "{name}");
    }
}

/// Neither fields nor data: the key says it all.
pub async fn an_item_may_hold_nothing(fx: &Fixture<dyn Store>) {
    let key = fx.key("p", "s");
    fx.done(Write::put(key.clone(), Body::default())).await;
    assert_eq!(fx.read(&key).await.unwrap().body, Body::default());
}

/// Keys are compared whole and mean nothing else.
pub async fn keys_may_hold_any_character(fx: &Fixture<dyn Store>) {
    let parts =
        ["a", "A", "a ", " a", "%", "_", "a\u{1}b", "a\u{2}1b", "'", "\"", "e\u{301}", "\u{e9}", "\u{10ffff}", "?"];
    for partition in parts {
        for sort in parts {
            let data = format!("{partition:?} {sort:?}");
            fx.done(Write::put(fx.key(partition, sort), Body::data(data))).await;
        }
    }
    for partition in parts {
        assert_eq!(fx.items(partition).await.len(), parts.len(), "{partition:?}");
        for sort in parts {
            let item = fx.read(&fx.key(partition, sort)).await.unwrap();
            assert_eq!(item.data(), format!("{partition:?} {sort:?}"));
        }
    }
}

/// One answer for each key, in their order, absent ones and several tables included.
pub async fn get_many_answers_in_the_order_of_the_keys(fx: &Fixture<dyn Store>) {
    fx.fill("p", &["a", "b", "c"]).await;
    let elsewhere = Key { table: OTHER, ..fx.key("p", "a") };
    fx.done(Write::put(elsewhere.clone(), Body::data("0"))).await;
    let keys = [fx.key("p", "c"), fx.key("p", "missing"), elsewhere, fx.key("q", "a"), fx.key("p", "a")];
    let items = fx.get_many(&keys).await.unwrap();
    let data: Vec<_> = items.iter().map(|item| item.as_ref().map(|item| item.data())).collect();
    assert_eq!(data, [Some(r#""c""#), None, Some("0"), None, Some(r#""a""#)]);
    for (key, item) in keys.iter().zip(&items) {
        assert!(item.as_ref().is_none_or(|item| item.key == *key));
    }
    assert_eq!(fx.get_many(&[]).await.unwrap(), []);
}

/// The same keys elsewhere are other items.
pub async fn partitions_and_tables_do_not_mix(fx: &Fixture<dyn Store>) {
    let keys = [fx.key("p", "s"), fx.key("q", "s"), Key { table: OTHER, ..fx.key("p", "s") }];
    for (n, key) in (1..).zip(&keys) {
        fx.done(Write::put(key.clone(), Body::default().with("n", n))).await;
    }
    fx.done(Write::delete(keys[1].clone())).await;
    assert_eq!(fx.read(&keys[0]).await.unwrap().body.fields.get("n"), Some(&int(1)));
    assert_eq!(fx.read(&keys[1]).await, None);
    assert_eq!(fx.read(&keys[2]).await.unwrap().body.fields.get("n"), Some(&Field::Int(3)));
    assert_eq!(fx.count(TABLE, &keys[0].partition, Range::All).await.unwrap(), 1);
    assert_eq!(fx.count(OTHER, &keys[0].partition, Range::All).await.unwrap(), 1);
}

/// A store that serves says so.
pub async fn it_says_that_it_is_ready(fx: &Fixture<dyn Store>) {
    assert_eq!(fx.ready().await, Ok(()));
}
