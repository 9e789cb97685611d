//! A promise without a test is not kept: every public function of a suite is in its macro.

const SUITES: [&[&str]; 4] = [
    &[
        include_str!("../../src/conformance/store/mod.rs"),
        include_str!("../../src/conformance/store/bulk.rs"),
        include_str!("../../src/conformance/store/expiry.rs"),
        include_str!("../../src/conformance/store/items.rs"),
        include_str!("../../src/conformance/store/limits.rs"),
        include_str!("../../src/conformance/store/races.rs"),
        include_str!("../../src/conformance/store/ranges.rs"),
        include_str!("../../src/conformance/store/writes.rs"),
        include_str!("../../src/conformance/fault.rs"),
    ],
    &[include_str!("../../src/conformance/queue.rs")],
    &[include_str!("../../src/conformance/cache.rs")],
    &[include_str!("../../src/conformance/limiter.rs")],
];

#[test]
fn every_promise_is_run() {
    for suite in SUITES {
        let listed = suite[0].split("macro_rules!").nth(1).unwrap().split("};\n}").next().unwrap();
        let listed: Vec<&str> = listed.split_whitespace().collect();
        let declared = suite.iter().flat_map(|file| file.split("\npub async fn ").skip(1));
        let declared: Vec<&str> = declared.map(|rest| rest.split('(').next().unwrap()).collect();
        assert!(declared.len() >= 10);
        for promise in declared {
            assert!(listed.contains(&promise), "{promise} is in no macro");
        }
    }
}
