//! Where a line stands in a log, in a form that a browser hands back.
//!
//! Lines are ordered by their instant and, within one, by their id. An event id is that pair,
//! `MICROSECONDS-LINE`; the one of a job's end has `-end` behind it, so that a reader who comes
//! back after the end is told that there is nothing more, while one who comes back after the job
//! was retried goes on where it was. It names a place inside a log that the caller was authorized
//! to read anyway, so it is not signed.

use std::fmt;
use std::str::FromStr;

use base::Error;
use jiff::Timestamp;
use jobs::LogLine;

const END: &str = "-end";

/// A place in a log: behind one line, before the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    at: Timestamp,
    line: String,
}

impl Place {
    /// Before everything that happens from `at` on.
    pub fn before(at: Timestamp) -> Self {
        Self { at, line: String::new() }
    }

    /// Behind this line.
    pub fn behind(line: &LogLine) -> Self {
        Self { at: line.at, line: line.id.clone() }
    }

    /// The place in the engine's words.
    pub fn sort(&self) -> String {
        jobs::log::place(self.at, &self.line)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.at.as_microsecond(), self.line)
    }
}

/// What a reader who lost the connection has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resume {
    /// The last line; `None` = none yet.
    pub place: Option<Place>,
    /// Whether that was the end.
    pub ended: bool,
}

impl Resume {
    /// The event id that comes back as this.
    pub fn id(&self) -> Option<String> {
        let end = if self.ended { END } else { "" };
        match &self.place {
            Some(place) => Some(format!("{place}{end}")),
            None => self.ended.then(|| END.to_owned()),
        }
    }
}

impl FromStr for Resume {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (place, ended) = match text.strip_suffix(END) {
            Some(place) => (place, true),
            None => (text, false),
        };
        if place.is_empty() {
            return Ok(Self { place: None, ended });
        }
        let read = || {
            let (micros, line) = place.split_once('-')?;
            let at = Timestamp::from_microsecond(micros.parse().ok()?).ok()?;
            let plain = line.len() <= 64 && line.bytes().all(|c| c.is_ascii_alphanumeric());
            plain.then(|| Place { at, line: line.to_owned() })
        };
        let wrong = || Error::invalid("Last-Event-ID", "This is no id of an event of this stream");
        Ok(Self { place: Some(read().ok_or_else(wrong)?), ended })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { at: "2026-01-02T03:04:05.000006Z".parse().unwrap(), line: "00ff".into() }
    }

    #[test]
    fn an_id_comes_back_as_it_went() {
        for place in [None, Some(place()), Some(Place::before(place().at))] {
            for ended in [false, true] {
                let seen = Resume { place: place.clone(), ended };
                let id = seen.id().unwrap_or_default();
                assert_eq!(id.parse::<Resume>().unwrap(), seen, "{id}");
            }
        }
    }

    #[test]
    fn what_is_no_id_is_refused_by_name() {
        for wrong in ["x", "12", "x-00ff", "1-\u{1}", "99999999999999999999-0", "1-a-b"] {
            let error = wrong.parse::<Resume>().unwrap_err();
            assert_eq!(error.details()[0].field, "Last-Event-ID", "{wrong}");
        }
    }
}
