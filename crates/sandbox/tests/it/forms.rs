//! Each form that the API answers in.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::client::Server;

const FIELDS: [&str; 16] = [
    "id",
    "uid",
    "password",
    "first_name",
    "last_name",
    "username",
    "email",
    "avatar",
    "gender",
    "phone_number",
    "social_insurance_number",
    "date_of_birth",
    "employment",
    "address",
    "credit_card",
    "subscription",
];

#[tokio::test]
async fn no_size_and_size_one_are_one_object() {
    let server = Server::seeded(1).await;
    for path in ["/api/v2/users", "/api/v2/users?response_type=json", "/api/v2/users?size=1&response_type=json"] {
        let reply = server.get(path).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json; charset=utf-8")));
        let user = reply.json();
        let names: Vec<&str> = user.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names[..16], FIELDS, "{path}");
        assert_eq!(user["address"]["country"], "United States");
    }
    server.stop().await;
}

#[tokio::test]
async fn two_to_a_hundred_are_an_array() {
    let server = Server::seeded(1).await;
    for size in [2, 3, 99, 100] {
        assert_eq!(server.users(size).await.json().as_array().unwrap().len(), size);
    }
    server.stop().await;
}

#[tokio::test]
async fn more_than_a_hundred_are_a_message() {
    let server = Server::seeded(1).await;
    for size in ["101", "500", "99999999999999999999"] {
        let reply = server.users(size).await;
        assert_eq!((reply.status, reply.text()), (200, r#"{"message":"Maximum allowed size is 100"}"#));
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_known_of_the_model_is_refused_and_takes_no_number() {
    let server = Server::seeded(1).await;
    let queries = ["size=0", "size=-1", "size=ten", "size=", "size=1&size=2", "size=2&response_type=xml"];
    for query in queries {
        let reply = server.get(&format!("/api/v2/users?{query}")).await;
        assert_eq!(reply.status, 422, "{query}");
        assert!(reply.json()["message"].as_str().unwrap().contains("does not imitate"), "{query}");
    }
    server.users(1).await;
    let journal = server.journal().await;
    assert!(journal[..queries.len()].iter().all(|line| line["n"].is_null() && line["class"] == "unsupported"));
    assert_eq!(journal[queries.len()]["n"], 1);
    server.stop().await;
}

#[derive(Deserialize)]
struct User {
    id: u64,
    last_name: String,
    address: Address,
    loyalty: Option<Value>,
}

#[derive(Deserialize)]
struct Address {
    zip_code: String,
    coordinates: Coordinates,
}

#[derive(Deserialize)]
struct Coordinates {
    lat: Box<RawValue>,
    lng: Box<RawValue>,
}

#[tokio::test]
async fn what_trips_up_clients_is_in_the_data() {
    let server = Server::seeded(1).await;
    let mut users: Vec<User> = Vec::new();
    for _ in 0..10 {
        users.extend(serde_json::from_slice::<Vec<User>>(&server.users(100).await.body).unwrap());
    }
    assert_eq!(users.len(), 1_000);
    assert!(users.iter().all(|user| (1..=9_999).contains(&user.id)));
    let ids: std::collections::HashSet<u64> = users.iter().map(|user| user.id).collect();
    assert!((850..1_000).contains(&ids.len()), "ids repeat, but not often: {}", ids.len());

    let count = |test: &dyn Fn(&User) -> bool| users.iter().filter(|user| test(user)).count();
    let digits = |number: &RawValue| number.get().bytes().filter(u8::is_ascii_digit).count();
    assert!((20..300).contains(&count(&|user| !user.last_name.is_ascii())));
    assert!((100..500).contains(&count(&|user| user.address.zip_code.starts_with('0'))));
    let Coordinates { lat, lng } = &users[0].address.coordinates;
    assert!((-90.0..=90.0).contains(&lat.get().parse::<f64>().unwrap()));
    assert!((-180.0..=180.0).contains(&lng.get().parse::<f64>().unwrap()));
    assert!((10..200).contains(&count(&|user| digits(&user.address.coordinates.lng) > 17)));
    let odd = count(&|user| user.loyalty.as_ref().is_some_and(|it| it["number"].as_u64().unwrap() > 1 << 53));
    assert!((20..200).contains(&odd));
    server.stop().await;
}
