//! All figures of a measurement, for people, for programs, and for the book.

use serde_json::{Value, json};

use super::figure::Figure;

/// What a measurement found.
#[derive(Default)]
pub(super) struct Report {
    pub(super) figures: Vec<Figure>,
    /// What else was seen: sweeps, and what qualifies a figure. Sentences.
    pub(super) notes: Vec<String>,
    /// How it is measured: paragraphs for `docs/benchmarks.md`.
    pub(super) method: &'static str,
}

impl Report {
    /// Adds what a part of the measurement found.
    pub(super) fn add(&mut self, part: Self) {
        self.figures.extend(part.figures);
        self.notes.extend(part.notes);
    }

    /// For people.
    pub(super) fn table(&self, machine: &str) -> String {
        let rows: Vec<[String; 5]> = self.figures.iter().map(Figure::cells).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 4] = std::array::from_fn(width);
        let line = |row: &[String; 5]| {
            let [a, b, c, d] = widths;
            format!("{:a$}  {:>b$}  {:c$}  {:d$}  {}", row[0], row[1], row[2], row[3], row[4])
        };
        let lines: Vec<String> = rows.iter().map(line).collect();
        format!("{machine}\n\n{}\n\n{}", lines.join("\n"), self.notes.join("\n"))
    }

    /// For programs: one line.
    pub(super) fn json(&self, name: &str, machine: &str) -> Value {
        let figures: Vec<Value> = self.figures.iter().map(Figure::json).collect();
        json!({ "bench": name, "machine": machine, "figures": figures, "notes": self.notes })
    }

    /// Its section of `docs/benchmarks.md`.
    pub(super) fn section(&self, name: &str, machine: &str) -> String {
        let rows: String = self.figures.iter().map(|figure| format!("| {} |\n", figure.cells().join(" | "))).collect();
        let notes: String = self.notes.iter().map(|note| format!("- {note}\n")).collect();
        format!(
            "## {name}\n\nMachine: {machine}.\n\n\
             | figure | measured | bound | held | from |\n|---|---|---|---|---|\n{rows}\n{notes}\n\
             ### How {name} is measured\n\n{}",
            self.method.trim()
        )
    }
}
