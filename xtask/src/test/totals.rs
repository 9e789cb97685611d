//! How many tests there were, read from what the runners print.

use std::fmt;

/// Tests of all runners together.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Totals {
    pub(super) passed: u64,
    pub(super) failed: u64,
}

impl Totals {
    /// Adds what a summary line says. cargo prints one for each test binary
    /// (`test result: ok. 3 passed; 0 failed; …`), nextest one in all
    /// (`Summary [ 1.2s] 3 tests run: 3 passed, 0 skipped`).
    pub(super) fn read(&mut self, line: &str) {
        let line = line.trim_start();
        if line.starts_with("test result:") || line.starts_with("Summary [") {
            self.passed += before(line, "passed");
            self.failed += before(line, "failed");
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// The number before a word; 0 if the word is not there.
fn before(line: &str, word: &str) -> u64 {
    let words: Vec<&str> = line.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect();
    words
        .windows(2)
        .find_map(|pair| if pair.get(1) == Some(&word) { pair.first()?.parse().ok() } else { None })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Totals;

    #[test]
    fn both_runners_are_counted() {
        let mut totals = Totals::default();
        for line in [
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
            "     Summary [   1.234s] 12 tests run: 10 passed (1 slow), 2 failed, 0 skipped",
            "test a::result ... ok",
            "7 passed",
        ] {
            totals.read(line);
        }
        assert_eq!(totals, Totals { passed: 14, failed: 4 });
    }
}
