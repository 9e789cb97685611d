//! What a command prints: data to standard output, words to standard error.
//!
//! With `--json` the data is what the server sent, byte for byte, so that a program reads the
//! numbers that the server wrote; without it the data is a table that reads without colour.

use std::io::{IsTerminal, Write};

use comfy_table::{ContentArrangement, Table};
use serde_json::Value;

use super::failure::Failure;

/// Where a command prints.
#[derive(Clone, Copy, Debug)]
pub(super) struct Screen {
    json: bool,
}

/// A heading and the dotted path of what stands below it.
pub(super) type Column = (&'static str, &'static str);

impl Screen {
    /// Prints for programs if `json`, else for people.
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints a page of a list: `items` of the answer, one a row.
    ///
    /// # Errors
    /// When the answer has no items, or nobody reads.
    pub(super) fn list(self, answer: &str, columns: &[(&str, &str)]) -> Result<(), Failure> {
        let page = parsed(answer)?;
        let items = page.get("items").unwrap_or(&page).as_array().map(Vec::as_slice).unwrap_or_default();
        self.rows(answer, items, columns)?;
        if self.json {
            return Ok(());
        }
        if let Some(next) = page.get("next").and_then(Value::as_str) {
            self.say(&format!("There is more: repeat this with --cursor {next}"));
        }
        Ok(())
    }

    /// Prints what was made of an answer, one a row; for programs the answer itself.
    ///
    /// # Errors
    /// When nobody reads.
    pub(super) fn rows(self, answer: &str, items: &[Value], columns: &[(&str, &str)]) -> Result<(), Failure> {
        if self.json {
            return self.line(answer);
        }
        let mut table = blank();
        table.set_header(columns.iter().map(|(heading, _)| *heading));
        for item in items {
            table.add_row(columns.iter().map(|(_, path)| shown(at(item, path))));
        }
        self.line(&printed(table))
    }

    /// Prints a member of an answer, a line for each of its fields; for programs the answer itself.
    ///
    /// # Errors
    /// When the answer is not JSON, or nobody reads.
    pub(super) fn part(self, answer: &str, member: &str) -> Result<(), Failure> {
        if self.json { self.line(answer) } else { self.item(&parsed(answer)?[member].to_string()) }
    }

    /// Prints one thing, a line for each of its fields.
    ///
    /// # Errors
    /// When the answer is not JSON, or nobody reads.
    pub(super) fn item(self, answer: &str) -> Result<(), Failure> {
        if self.json {
            return self.line(answer);
        }
        let mut table = blank();
        if let Value::Object(fields) = parsed(answer)? {
            for (name, value) in &fields {
                table.add_row([name.clone(), shown(Some(value))]);
            }
        }
        self.line(&printed(table))
    }

    /// Prints data.
    ///
    /// # Errors
    /// When nobody reads.
    pub(super) fn line(self, data: &str) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        out.write_all(data.trim_end_matches('\n').as_bytes())?;
        out.write_all(b"\n")?;
        Ok(out.flush()?)
    }

    /// Tells a person something. Nobody is told twice: if standard error is gone, so is the person.
    pub(super) fn say(self, words: &str) {
        if writeln!(std::io::stderr(), "{words}").is_err() {
            tracing::debug!("standard error is closed");
        }
    }

    /// Whether a person watches standard error.
    pub(super) fn is_watched(self) -> bool {
        std::io::stderr().is_terminal()
    }
}

/// A table without lines. Cells are never wrapped: an id that is broken in two cannot be copied.
fn blank() -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn printed(mut table: Table) -> String {
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    table.trim_fmt()
}

/// An answer of the server as a value to look into; what is printed for programs stays text.
///
/// # Errors
/// When it is not JSON, which means that it is not our server's answer.
pub(super) fn parsed(answer: &str) -> Result<Value, Failure> {
    serde_json::from_str(answer).map_err(|error| Failure::Failed(format!("the server's answer is not JSON: {error}")))
}

/// The value at a dotted path.
pub(super) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, name| value.get(name))
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            items.iter().map(|item| shown(Some(item))).collect::<Vec<_>>().join(" ")
        }
        Some(Value::Object(fields)) if fields.values().all(|value| !value.is_object() && !value.is_array()) => {
            fields.iter().map(|(name, value)| format!("{name}={}", shown(Some(value)))).collect::<Vec<_>>().join(" ")
        }
        Some(value) => value.to_string(),
    }
}
