//! Many writes share a commit, and one that fails is alone in it.

use testkit::Shim;

use crate::drill;

#[test]
fn a_burst_shares_its_fsyncs_and_a_failed_condition_fails_alone() {
    let directory = tempfile::tempdir().unwrap();
    let counter = directory.path().join("syncs");
    let mut child = drill(&["burst", counter.to_str().unwrap()], directory.path());
    Shim::build().count_syncs(&mut child, &counter);
    let output = child.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let figures: Vec<u64> = said.split_whitespace().map(|figure| figure.parse().unwrap()).collect();
    let [acknowledged, failed, syncs] = figures[..] else { panic!("{said}") };
    assert_eq!((acknowledged, failed), (63, 1));
    assert!((1..=8).contains(&syncs), "{syncs} fsyncs for 64 writes");
}
