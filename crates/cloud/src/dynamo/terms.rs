//! Conditions and updates in DynamoDB's own language.
//!
//! Every name and every value is a placeholder, so no field can be mistaken for a word of the
//! language. Each condition also says what an expired item is: absent.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use base::store::{Version, When};
use jiff::Timestamp;

use super::codec::{Attributes, EXPIRES, PARTITION, VERSION, field, field_name, number, stamp, text};

type Names = HashMap<String, String>;

/// Placeholders, as an expression collects them.
#[derive(Default)]
pub(super) struct Terms {
    names: Names,
    values: Attributes,
}

impl Terms {
    /// A placeholder for the name of an attribute.
    pub(super) fn name(&mut self, attribute: &str) -> String {
        let placeholder = format!("#n{}", self.names.len());
        self.names.insert(placeholder.clone(), attribute.to_owned());
        placeholder
    }

    /// A placeholder for a value.
    pub(super) fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    /// What the placeholders stand for; an empty map may not be sent.
    pub(super) fn finish(self) -> (Option<Names>, Option<Attributes>) {
        (Some(self.names).filter(|names| !names.is_empty()), Some(self.values).filter(|values| !values.is_empty()))
    }

    /// The expression that holds when `when` does; `None` when it always does.
    pub(super) fn when(&mut self, when: &When, now: Timestamp) -> Option<String> {
        let holds = match when {
            When::Always => return None,
            When::Absent => {
                let (expires, now) = (self.name(EXPIRES), self.value(number(now.as_microsecond())));
                return Some(format!("(attribute_not_exists({PARTITION}) OR {expires} <= {now})"));
            }
            When::Present => format!("attribute_exists({PARTITION})"),
            When::Version(version) => format!("{} = {}", self.name(VERSION), self.value(stamp(*version))),
            When::Is(name, value) => format!("{} = {}", self.name(&field_name(name)), self.value(field(value))),
        };
        let live = self.live(now);
        Some(format!("({holds} AND {live})"))
    }

    /// Holds when the item is exactly what was read, whether expired or not.
    pub(super) fn unmoved(&mut self, version: Option<Version>) -> String {
        let name = self.name(VERSION);
        match version {
            Some(version) => format!("{name} = {}", self.value(stamp(version))),
            None => format!("(attribute_exists({PARTITION}) AND attribute_not_exists({name}))"),
        }
    }

    /// Holds when the item has not expired, or is not there at all.
    fn live(&mut self, now: Timestamp) -> String {
        let (expires, now) = (self.name(EXPIRES), self.value(number(now.as_microsecond())));
        format!("(attribute_not_exists({expires}) OR {expires} > {now})")
    }

    /// Holds when DynamoDB's `ADD` would do what ours promises: the item has not expired, and every
    /// field is absent, or a number whose sum stays inside `i64`.
    pub(super) fn addable(&mut self, sums: &BTreeMap<&str, i64>, now: Timestamp) -> String {
        let mut all = vec![self.live(now)];
        let kind = if sums.is_empty() { String::new() } else { self.value(text("N")) };
        for (field, by) in sums {
            let name = self.name(&field_name(field));
            let least = self.value(number(i64::MIN.saturating_sub((*by).min(0))));
            let most = self.value(number(i64::MAX - (*by).max(0)));
            let fits = format!("(attribute_type({name}, {kind}) AND {name} BETWEEN {least} AND {most})");
            all.push(format!("(attribute_not_exists({name}) OR {fits})"));
        }
        all.join(" AND ")
    }

    /// The update that adds, and stamps.
    pub(super) fn add(&mut self, sums: &BTreeMap<&str, i64>, version: Version) -> String {
        let mut update = format!("SET {} = {}", self.name(VERSION), self.value(stamp(version)));
        let added: Vec<_> = sums
            .iter()
            .map(|(field, by)| format!("{} {}", self.name(&field_name(field)), self.value(number(*by))))
            .collect();
        if !added.is_empty() {
            update.push_str(" ADD ");
            update.push_str(&added.join(", "));
        }
        update
    }
}

/// What each field gets in all; a field may be named more than once.
pub(super) fn sums(fields: &[(String, i64)]) -> BTreeMap<&str, i64> {
    let mut sums = BTreeMap::new();
    for (name, by) in fields {
        let sum: &mut i64 = sums.entry(name.as_str()).or_default();
        *sum = sum.saturating_add(*by);
    }
    sums
}
