//! The stand-in of random-data-api: `GET /api/v2/users?size=&response_type=json`.
//!
//! The form of an answer depends on the size asked for: absent or 1 is one object, 2 to 100 an
//! array, more is 200 with a message and nothing else. What the model does with a size that is no
//! number above 0, or with XML, is not known; such calls get 422, take no number, and say so.

mod user;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use serde::Deserialize;

use crate::answer::Answer;
use crate::desk::{Call, Desk, Ticket, defect};
use crate::dice::Dice;
use crate::fault::Fault;
use crate::journal::{Class, Record};
use user::User;

const USERS: &str = "/api/v2/users";
const SIZE_MAX: u128 = 100;
const TOO_MANY: &[u8] = br#"{"message":"Maximum allowed size is 100"}"#;

pub(crate) fn routes() -> Router<Arc<Desk>> {
    Router::new().route(USERS, get(users))
}

#[derive(Deserialize)]
struct Asked {
    size: Option<String>,
    response_type: Option<String>,
}

async fn users(State(desk): State<Arc<Desk>>, asked: Result<Query<Asked>, QueryRejection>) -> Response {
    desk.count();
    let asked = asked.ok().map(|Query(asked)| asked);
    let call = Call { path: USERS, size: asked.as_ref().and_then(|asked| asked.size.clone()) };
    let size = match asked.ok_or("a query with a parameter twice").and_then(|asked| size(&asked)) {
        Ok(size) => size,
        Err(what) => return desk.reply(call, None, Answer::unsupported(what)).await,
    };
    let ticket = match desk.admit() {
        Ok(ticket) => ticket,
        Err(refusal) => return desk.reply(call, None, refusal).await,
    };
    match answer(&ticket, size) {
        Ok(answer) => desk.reply(call, Some(ticket), answer).await,
        Err(error) => defect(&error),
    }
}

fn size(asked: &Asked) -> Result<u128, &'static str> {
    if asked.response_type.as_deref().is_some_and(|form| form != "json") {
        return Err("response types other than json");
    }
    match asked.size.as_deref() {
        None => Ok(1),
        Some(text) => text.parse().ok().filter(|size| *size > 0).ok_or("sizes that are no number above 0"),
    }
}

fn answer(ticket: &Ticket, size: u128) -> serde_json::Result<Answer> {
    let fault = ticket.fault();
    let good = if size > SIZE_MAX {
        Answer::json(Class::Message, Bytes::from_static(TOO_MANY))
    } else {
        page(ticket.dice("users"), size as usize, fault == Some(Fault::Malformed))?
    };
    Ok(match fault {
        Some(fault) => fault.spoil(good, ticket.behaviour.retry_after_s, &mut ticket.dice("spoil")),
        None => good,
    })
}

/// One user as an object, more as an array; when `malformed`, at least one lacks what it needs.
fn page(mut dice: Dice, size: usize, malformed: bool) -> serde_json::Result<Answer> {
    let mut users = (0..size).map(|_| User::draw(&mut dice)).collect::<serde_json::Result<Vec<_>>>()?;
    if malformed {
        let sure = dice.below(size as u64) as usize;
        for (at, user) in users.iter_mut().enumerate() {
            if at == sure || dice.one_in(5) {
                user.maim(&mut dice);
            }
        }
    }
    let (class, body) = match users.as_slice() {
        [user] => (Class::Object, serde_json::to_vec(user)?),
        users => (Class::Array, serde_json::to_vec(users)?),
    };
    let class = if malformed { Class::Fault(Fault::Malformed) } else { class };
    let records: Vec<Record> = users.iter().filter_map(User::record).collect();
    let malformed = users.len() - records.len();
    Ok(Answer { records, malformed, ..Answer::json(class, body.into()) })
}
