//! Carts: what is made, put in, asked for and combined. Whatever is wrong with a request is 412 here.

use super::case::{Case, get, post, request};

const INVALID: &str = "validation_error";
/// Nobody's cart.
const NOBODYS: &str = "/resources/carts/6b801de6-11d4-46c0-aed1-ca2110aa7d3c";

pub(crate) fn cases() -> Vec<Case> {
    [names(), ids(), items(), queries(), combinations()].into_iter().flatten().collect()
}

fn names() -> Vec<Case> {
    let make = |body: &str| post("/resources/carts/", body.to_owned());
    let put = |body: &str| request("PUT", "/resources/carts/default").body("application/json", body.to_owned());
    let long = format!(r#"{{"cart_name": "{}"}}"#, "a".repeat(256));
    vec![
        make("").is(412, INVALID, "body"),
        make("[]").is(412, INVALID, "body"),
        make("{}").is(412, INVALID, "cart_name"),
        make(r#"{"cart_name": null}"#).is(412, INVALID, "cart_name"),
        make(r#"{"cart_name": ""}"#).is(412, INVALID, "cart_name"),
        make(r#"{"cart_name": "a\n"}"#).is(412, INVALID, "cart_name"),
        make(r#"{"cart_name": "a", "cart_name": "b"}"#).is(412, INVALID, "cart_name"),
        make(&long).is(412, INVALID, "cart_name"),
        make(r#"{"cart_name": "a", "owner": "hunter2hunter2"}"#).is(412, INVALID, "owner"),
        make(r#"{"cart_name": "a", "default": true}"#).is(412, INVALID, "default"),
        make(r#"{"cart_name": "a", "id": "1"}"#).is(412, INVALID, "id"),
        put(r#"{"cart_name": "a", "items": []}"#).is(412, INVALID, "items"),
        put(r#"{"id": "6b801de6-11d4-46c0-aed1-ca2110aa7d3c"}"#).is(412, INVALID, "cart_name"),
        put(r#"{"cart_name": "a"}"#).is(404, "not_found", ""),
        request("POST", "/resources/carts/").body("text/plain", "{}").is(415, INVALID, "Content-Type"),
        post("/resources/carts/?token=hunter2hunter2", "{}").is(412, INVALID, "token"),
        make(r#"{"cart_name": "a"}"#).without_key().is(401, "unauthenticated", ""),
        request("DELETE", "/resources/carts/").is(405, INVALID, ""),
    ]
}

fn ids() -> Vec<Case> {
    let id = "0".repeat(64);
    vec![
        get("/resources/carts/1").is(412, INVALID, "id"),
        get("/resources/carts/DEFAULT").is(412, INVALID, "id"),
        get("/resources/carts/6B801DE6-11D4-46C0-AED1-CA2110AA7D3C").is(412, INVALID, "id"),
        get(NOBODYS).is(404, "not_found", ""),
        request("DELETE", NOBODYS).is(404, "not_found", ""),
        get(format!("{NOBODYS}/manifest?format=xml")).is(412, INVALID, "format"),
        get(format!("{NOBODYS}/manifest")).is(404, "not_found", ""),
        get(format!("{NOBODYS}?limit=1001")).is(412, INVALID, "limit"),
        get(format!("{NOBODYS}?cursor=x")).is(412, INVALID, "cursor"),
        get("/resources/carts?offset=-1").is(412, INVALID, "offset"),
        request("DELETE", "/resources/carts/default/items/1").is(412, INVALID, "item_id"),
        request("DELETE", format!("{NOBODYS}/items/{id}")).is(404, "not_found", ""),
        get("/resources/cart-item-batch-jobs/1").is(412, INVALID, "job_id"),
        request("POST", "/resources/cart-item-batch-jobs/1").is(412, INVALID, "job_id"),
        get("/resources/cart-item-batch-jobs/6b801de6-11d4-46c0-aed1-ca2110aa7d3c").is(404, "not_found", ""),
    ]
}

fn items() -> Vec<Case> {
    let put = |body: &str| post("/resources/carts/default/items/", body.to_owned());
    let many = format!("[{}]", vec!["{}"; 1_001].join(","));
    vec![
        put("5").is(412, INVALID, "body"),
        put("{}").is(412, INVALID, "entity_type"),
        put("[]").is(412, INVALID, "body"),
        put(&many).is(412, INVALID, "body"),
        put(r#"{"entity_type": "cities"}"#).is(412, INVALID, "entity_id"),
        put(r#"{"entity_type": "cities", "entity_id": 1}"#).is(412, INVALID, "entity_id"),
        put(r#"{"entity_type": "cities", "entity_id": ""}"#).is(412, INVALID, "entity_id"),
        put(r#"{"entity_type": "cities", "entity_id": "1", "attributes": 1}"#).is(412, INVALID, "attributes"),
        put(r#"{"entity_type": "cities", "entity_id": "1", "attributes": {"a": 1, "a": 2}}"#).is(
            412,
            INVALID,
            "attributes.a",
        ),
        put(r#"{"entity_type": "cities", "entity_id": "1", "cart_id": "2"}"#).is(412, INVALID, "cart_id"),
        put(r#"{"entity_type": "cities", "entity_id": "1", "id": "2"}"#).is(412, INVALID, "id"),
        post(format!("{NOBODYS}/items/"), r#"{"entity_type": "cities", "entity_id": "1"}"#).is(404, "not_found", ""),
    ]
}

fn queries() -> Vec<Case> {
    let ask = |filters: &str| {
        post("/resources/carts/default/items/query", format!(r#"{{"entity_type": "cities", "filters": {filters}}}"#))
    };
    let conditions = |n: usize| {
        let fields: Vec<String> = (0..n).map(|n| format!(r#""f{n}": {{"exists": true}}"#)).collect();
        format!("{{{}}}", fields.join(","))
    };
    vec![
        post("/resources/carts/default/items/query", "{}").is(412, INVALID, "entity_type"),
        post("/resources/carts/default/items/query", r#"{"entity_type": "cities"}"#).is(412, INVALID, "filters"),
        post("/resources/carts/default/items/query", r#"{"entity_type": "nothing", "filters": {}}"#).is(
            412,
            INVALID,
            "entity_type",
        ),
        post("/resources/carts/default/items/query", r#"{"entity_type": "cities", "filters": {}, "limit": 0}"#)
            .is(412, INVALID, "limit"),
        post("/resources/carts/default/items/query", r#"{"entity_type": "cities", "filters": {}, "where": 1}"#)
            .is(412, INVALID, "where"),
        ask("null").is(412, INVALID, "filters"),
        ask(r#"{"name": "Lisbon"}"#).is(412, INVALID, "filters.name"),
        ask(r#"{"name": {}}"#).is(412, INVALID, "filters.name"),
        ask(r#"{"name": {"like": "L%"}}"#).is(412, INVALID, "filters.name.like"),
        ask(r#"{"name": {"is": "Lisbon"}}"#).is(412, INVALID, "filters.name.is"),
        ask(r#"{"name": {"is": []}}"#).is(412, INVALID, "filters.name.is"),
        ask(r#"{"name": {"is": [["a"]]}}"#).is(412, INVALID, "filters.name.is.0"),
        ask(r#"{"place.height": {"within": [[0, 1], [1]]}}"#).is(412, INVALID, "filters.place.height.within.1"),
        ask(r#"{"place.height": {"within": [[1, 0]]}}"#).is(412, INVALID, "filters.place.height.within.0"),
        ask(r#"{"place.height": {"contains": [[1, "2"]]}}"#).is(412, INVALID, "filters.place.height.contains.0"),
        ask(r#"{"name": {"prefix": ["L"]}}"#).is(412, INVALID, "filters.name.prefix"),
        ask(r#"{"name": {"exists": 1}}"#).is(412, INVALID, "filters.name.exists"),
        ask(r#"{"a..b": {"exists": true}}"#).is(412, INVALID, "filters.a..b"),
        ask(r#"{"name": {"is": ["a"]}, "name": {"is": ["b"]}}"#).is(412, INVALID, "filters.name"),
        ask(&conditions(101)).is(412, INVALID, "filters.f100"),
        post(format!("{NOBODYS}/items/query"), r#"{"entity_type": "cities", "filters": {}}"#).is(404, "not_found", ""),
    ]
}

fn combinations() -> Vec<Case> {
    let combine = |body: &str| post("/resources/carts/default/combine", body.to_owned());
    vec![
        combine("{}").is(412, INVALID, "with"),
        combine(r#"{"with": "default"}"#).is(412, INVALID, "op"),
        combine(r#"{"with": "default", "op": "minus"}"#).is(412, INVALID, "op"),
        combine(r#"{"with": "1", "op": "union"}"#).is(412, INVALID, "with"),
        combine(r#"{"with": "6b801de6-11d4-46c0-aed1-ca2110aa7d3c", "op": "union"}"#).is(412, INVALID, "with"),
        post(format!("{NOBODYS}/combine"), r#"{"with": "default", "op": "union"}"#).is(404, "not_found", ""),
    ]
}
