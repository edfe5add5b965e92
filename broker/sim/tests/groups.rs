//! The checks of groups bite: a coordinator that is wrong is caught, in the words of what it did wrong.

use weir_sim::planted::Bug;
use weir_sim::{Options, run};

/// One of these seeds shows it, and says so.
fn is_caught(bug: Bug, seeds: &[u64], words: &[&str]) {
    let says = |violation: &String| words.iter().any(|word| violation.contains(word));
    let caught = seeds.iter().any(|seed| {
        let report = run(Options::of(*seed).with(bug)).expect("the world runs");
        report.violations.iter().any(says)
    });
    assert!(caught, "{bug:?} was not caught by {seeds:?}");
}

#[test]
fn a_coordinator_that_answers_before_the_commit_is_caught() {
    is_caught(
        Bug::GroupAnswersEarly,
        &[2, 3, 4, 5, 6, 7, 8, 9, 10],
        &["is lost", "both own", "goes on in generation"],
    );
}

#[test]
fn a_coordinator_that_forgets_is_caught() {
    is_caught(Bug::GroupForgets, &[3, 4], &["is lost", "both own", "goes on in generation"]);
}
