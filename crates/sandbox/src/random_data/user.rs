//! One user, drawn.
//!
//! Fields stand in the order in which the model serves them. What trips up clients is drawn more
//! often than nature would: names outside of ASCII and outside of the basic plane, postal codes
//! with leading zeros, coordinates with more digits than a double has, fields nobody announced,
//! integers that a double cannot hold.

use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::words;
use crate::dice::Dice;
use crate::journal::Record;

/// Ids are 1 to this, so they repeat.
const ID_MAX: u64 = 9_999;

#[derive(Serialize)]
pub(super) struct User {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    uid: Uuid,
    password: String,
    first_name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<&'static str>,
    username: String,
    email: String,
    avatar: String,
    gender: &'static str,
    phone_number: String,
    social_insurance_number: String,
    date_of_birth: String,
    employment: Employment,
    address: Address,
    credit_card: CreditCard,
    subscription: Subscription,
    #[serde(skip_serializing_if = "Option::is_none")]
    loyalty: Option<Loyalty>,
}

#[derive(Serialize)]
struct Employment {
    title: String,
    key_skill: &'static str,
}

#[derive(Serialize)]
struct Address {
    city: String,
    street_name: String,
    street_address: String,
    zip_code: String,
    state: &'static str,
    country: &'static str,
    coordinates: Coordinates,
}

#[derive(Serialize)]
struct Coordinates {
    lat: Box<RawValue>,
    lng: Box<RawValue>,
}

#[derive(Serialize)]
struct CreditCard {
    cc_number: String,
}

#[derive(Serialize)]
struct Subscription {
    plan: &'static str,
    status: &'static str,
    payment_method: &'static str,
    term: &'static str,
}

/// What the documentation of the model does not know of.
#[derive(Serialize)]
struct Loyalty {
    number: u64,
    since: Option<&'static str>,
    tags: [&'static str; 2],
}

impl User {
    /// A whole user.
    pub(super) fn draw(dice: &mut Dice) -> serde_json::Result<Self> {
        let rare = dice.one_in(8);
        let first_name = dice.pick(if rare { &words::FIRST_RARE } else { &words::FIRST });
        let last_name = dice.pick(if rare { &words::LAST_RARE } else { &words::LAST });
        let username = format!("{}.{}", first_name.to_lowercase(), last_name.to_lowercase());
        Ok(Self {
            id: Some(1 + dice.below(ID_MAX) as u32),
            uid: uuid::Builder::from_random_bytes(bytes(dice)).into_uuid(),
            password: (0..10).map(|_| char::from(dice.pick(words::ALPHANUMERIC))).collect(),
            first_name,
            last_name: Some(last_name),
            email: format!("{username}@email.com"),
            username,
            avatar: avatar(dice),
            gender: dice.pick(&words::GENDERS),
            phone_number: phone(dice),
            social_insurance_number: digits(dice, 9),
            date_of_birth: birth(dice),
            employment: Employment {
                title: format!("{} {}", dice.pick(&words::RANKS), dice.pick(&words::TRADES)),
                key_skill: dice.pick(&words::SKILLS),
            },
            address: address(dice)?,
            credit_card: CreditCard { cc_number: (0..4).map(|_| digits(dice, 4)).collect::<Vec<_>>().join("-") },
            subscription: Subscription {
                plan: dice.pick(&words::PLANS),
                status: dice.pick(&words::STATUSES),
                payment_method: dice.pick(&words::PAYMENT_METHODS),
                term: dice.pick(&words::TERMS),
            },
            loyalty: dice.one_in(16).then(|| loyalty(dice)),
        })
    }

    /// Takes away the id or the last name.
    pub(super) fn maim(&mut self, dice: &mut Dice) {
        if dice.one_in(2) {
            self.id = None;
        } else {
            self.last_name = None;
        }
    }

    /// What identifies it, if it is whole.
    pub(super) fn record(&self) -> Option<Record> {
        Some(Record { id: self.id?, last_name: self.last_name? })
    }
}

fn avatar(dice: &mut Dice) -> String {
    let name: String = (0..3).map(|_| dice.pick(&words::LATIN)).collect();
    format!("https://robohash.org/{name}.png?size=300x300&set=set1")
}

fn phone(dice: &mut Dice) -> String {
    let country = 1 + dice.below(998);
    let trunk = if dice.one_in(2) { "1-" } else { "" };
    let number = format!("+{country} {trunk}{}-{}-{}", digits(dice, 3), digits(dice, 3), digits(dice, 4));
    if dice.one_in(3) { format!("{number} x{}", digits(dice, 5)) } else { number }
}

fn birth(dice: &mut Dice) -> String {
    format!("{}-{:02}-{:02}", 1955 + dice.below(50), 1 + dice.below(12), 1 + dice.below(28))
}

fn address(dice: &mut Dice) -> serde_json::Result<Address> {
    let street = dice.pick(&words::STREETS);
    let zip_code = if dice.one_in(4) { format!("0{}", digits(dice, 4)) } else { digits(dice, 5) };
    Ok(Address {
        city: format!("{}{}", dice.pick(&words::CITY_BEGINNINGS), dice.pick(&words::CITY_ENDINGS)),
        street_name: format!("{street} {}", dice.pick(&words::STREET_ENDINGS)),
        street_address: format!("{} {street} {}", 1 + dice.below(9_999), dice.pick(&words::STREET_ENDINGS)),
        zip_code: if dice.one_in(6) { format!("{zip_code}-{}", digits(dice, 4)) } else { zip_code },
        state: dice.pick(&words::STATES),
        country: "United States",
        coordinates: Coordinates { lat: degrees(dice, 90.0)?, lng: degrees(dice, 180.0)? },
    })
}

/// The shortest spelling that round-trips, or now and then more digits than a double has.
fn degrees(dice: &mut Dice, most: f64) -> serde_json::Result<Box<RawValue>> {
    let degrees = (dice.unit() * 2.0 - 1.0) * most;
    RawValue::from_string(if dice.one_in(16) { format!("{degrees:.20}") } else { format!("{degrees:?}") })
}

fn loyalty(dice: &mut Dice) -> Loyalty {
    Loyalty {
        number: (1 << 53) + 1 + 2 * dice.below(1 << 40),
        since: dice.one_in(2).then_some("2019"),
        tags: [dice.pick(&words::LATIN), dice.pick(&words::LATIN)],
    }
}

fn digits(dice: &mut Dice, count: usize) -> String {
    (0..count).map(|_| char::from(b'0' + dice.below(10) as u8)).collect()
}

fn bytes(dice: &mut Dice) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&dice.number().to_le_bytes());
    bytes[8..].copy_from_slice(&dice.number().to_le_bytes());
    bytes
}
