//! How many tests there were, read from what the runners print.

use std::fmt;

/// Tests of all runners together.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) passed: u64,
    pub(super) failed: u64,
    /// Where they panicked, with the line after that, and at the end which ones failed.
    pub(super) failures: Vec<String>,
    is_panicking: bool,
    is_summed_up: bool,
}

impl Totals {
    /// Adds what a summary line says. cargo prints one for each test binary
    /// (`test result: ok. 3 passed; 0 failed; …`), nextest one in all
    /// (`Summary [ 1.2s] 3 tests run: 3 passed, 0 skipped`).
    pub(super) fn read(&mut self, line: &str) {
        let line = line.trim();
        let panics = line.starts_with("thread '") && line.contains("panicked at");
        // nextest repeats the line of each that failed below its summary, and none of another.
        if panics || self.is_panicking || self.is_summed_up && line.contains("s] ") {
            self.failures.push(line.to_owned());
        }
        self.is_panicking = panics;
        self.is_summed_up |= line.starts_with("Summary [");
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
        assert_eq!((totals.passed, totals.failed), (14, 4));
        assert_eq!(totals.failures, Vec::<String>::new());
    }

    #[test]
    fn what_failed_is_told_with_its_reason() {
        let mut totals = Totals::default();
        for line in [
            "        PASS [   0.400s] (1/3) cloud::it redis::fine",
            "        FAIL [   5.541s] (2/3) cloud::it outage::away",
            "    thread 'outage::away' (29762) panicked at crates/cloud/tests/it/outage.rs:65:9:",
            "    Closed: 1.297642657s",
            "    stack backtrace:",
            "     Summary [   9.200s] 3 tests run: 2 passed, 1 failed, 0 skipped",
            "        FAIL [   5.541s] (2/3) cloud::it outage::away",
            "error: test run failed",
        ] {
            totals.read(line);
        }
        let expected = [
            "thread 'outage::away' (29762) panicked at crates/cloud/tests/it/outage.rs:65:9:",
            "Closed: 1.297642657s",
            "FAIL [   5.541s] (2/3) cloud::it outage::away",
        ];
        assert_eq!(totals.failures, expected);
    }
}
