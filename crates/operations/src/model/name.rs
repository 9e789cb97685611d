//! What stands in paths: an id that is not one is a thing that is not there.

use std::fmt;
use std::str::FromStr;

use base::{Error, TaskId};

/// Names a dead letter: the task that died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LetterId(pub TaskId);

impl LetterId {
    /// What whoever asks for a letter that is not there is told.
    pub(crate) fn not_found(id: &impl fmt::Display) -> Error {
        Error::not_found(format!("Dead letter {id} not found"))
    }
}

impl FromStr for LetterId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.parse().map(Self).map_err(|_| Self::not_found(&base::id::shown(text)))
    }
}

/// Names a schedule: whatever its service chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleName(pub String);

impl FromStr for ScheduleName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(Self(text.to_owned()))
    }
}
