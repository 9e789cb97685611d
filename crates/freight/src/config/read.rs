//! Typed values out of the layers.
//!
//! A getter that finds something wrong notes a [`Fault`] and returns a placeholder, so that one
//! pass finds everything wrong; [`Reader::finish`] lets nobody see a configuration that has
//! faults. Values of keys that may hold a credential are never repeated in a fault.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Fault, Layers};

/// Takes typed values out of [`Layers`] and notes what is wrong.
pub struct Reader {
    layers: Layers,
    read: BTreeSet<&'static str>,
}

impl Reader {
    /// Reads from these layers; their faults are kept.
    pub fn new(layers: Layers) -> Self {
        Self { layers, read: BTreeSet::new() }
    }

    /// A whole number in a range.
    pub fn int(&mut self, key: &'static str, allowed: RangeInclusive<u64>) -> u64 {
        let expected = format!("a whole number from {} to {}", allowed.start(), allowed.end());
        self.take(key, &expected, *allowed.start(), |value| {
            let number = match value {
                toml::Value::Integer(number) => u64::try_from(*number).ok(),
                toml::Value::String(text) => text.trim().parse().ok(),
                _ => None,
            };
            number.filter(|number| allowed.contains(number))
        })
    }

    /// An address and a port.
    pub fn address(&mut self, key: &'static str) -> SocketAddr {
        let expected = "an IP address and a port, such as 127.0.0.1:8000 or [::1]:8000";
        self.take(key, expected, SocketAddr::from(([127, 0, 0, 1], 0)), |value| value.as_str()?.trim().parse().ok())
    }

    /// Yes or no.
    pub fn flag(&mut self, key: &'static str) -> bool {
        self.take(key, "true or false", false, |value| match value {
            toml::Value::Boolean(flag) => Some(*flag),
            toml::Value::String(text) => text.trim().parse().ok(),
            _ => None,
        })
    }

    /// An address and a port, or nothing.
    pub fn address_if_any(&mut self, key: &'static str) -> Option<SocketAddr> {
        let expected = "nothing, or an IP address and a port, such as 127.0.0.1:9090";
        self.take(key, expected, None, |value| match value.as_str()?.trim() {
            "" => Some(None),
            text => text.parse().ok().map(Some),
        })
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        self.take(key, &format!("one of {}", words.join(", ")), None, |value| {
            let text = value.as_str()?.trim();
            choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| Some(*choice))
        })
    }

    /// Text that `parse` accepts; its error says what is allowed.
    pub fn parsed<T>(&mut self, key: &'static str, placeholder: T, parse: impl FnOnce(&str) -> Result<T, String>) -> T {
        let mut why = "text".to_owned();
        let parsed = self
            .layers
            .get(key)
            .and_then(|setting| setting.value.as_str().map(str::trim))
            .and_then(|text| parse(text).map_err(|expected| why = expected).ok());
        self.take(key, &why, placeholder, |_| parsed)
    }

    /// A list of texts that `parse` accepts each; a variable or a flag has commas between them.
    pub fn list<T>(&mut self, key: &'static str, allowed: &str, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
        self.take(key, &format!("a list of {allowed}"), Vec::new(), |value| match value {
            toml::Value::Array(items) => items.iter().map(|item| parse(item.as_str()?.trim())).collect(),
            toml::Value::String(text) => {
                text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(&parse).collect()
            }
            _ => None,
        })
    }

    /// A number of seconds in a range.
    pub fn seconds(&mut self, key: &'static str, allowed: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.int(key, allowed))
    }

    /// A number of things in a range.
    pub fn count(&mut self, key: &'static str, allowed: RangeInclusive<u64>) -> usize {
        usize::try_from(self.int(key, allowed)).unwrap_or(usize::MAX)
    }

    /// Notes what is wrong with a setting beside another.
    pub fn fault(&mut self, key: &str, problem: &str) {
        self.layers.fault(key, problem);
    }

    /// The value that `parse` makes; otherwise a fault that says what was expected.
    fn take<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        placeholder: T,
        parse: impl FnOnce(&toml::Value) -> Option<T>,
    ) -> T {
        self.read.insert(key);
        let Some(setting) = self.layers.get(key) else {
            self.layers.fault(key, "missing from config.default.toml");
            return placeholder;
        };
        if let Some(value) = parse(&setting.value) {
            return value;
        }
        let said = if may_be_secret(key) { String::new() } else { format!("{} is not allowed; ", setting.value) };
        let problem = format!("{said}expected {expected} (set by {})", setting.origin);
        self.layers.fault(key, &problem);
        placeholder
    }

    /// Hands out `made` if nothing was wrong.
    ///
    /// # Errors
    /// Everything that was wrong, in the order in which it was found. A key of the default file
    /// that nothing read counts as wrong: it would be a setting without effect.
    pub fn finish<T>(mut self, made: T) -> Result<T, Vec<Fault>> {
        let unread: Vec<_> = self.layers.keys().filter(|key| !self.read.contains(key)).map(str::to_owned).collect();
        for key in unread {
            self.layers.fault(&key, "stands in config.default.toml, but nothing reads it");
        }
        if self.layers.faults.is_empty() { Ok(made) } else { Err(self.layers.faults) }
    }
}

/// URIs carry passwords; the rest is named after what it holds.
fn may_be_secret(key: &str) -> bool {
    ["uri", "key", "secret", "token", "password"].iter().any(|word| key.ends_with(word))
}
