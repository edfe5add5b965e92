//! A few seeds of everything, for every run of the tests. `make sim` runs as many as one likes.

use std::time::Duration;

use weir_sim::{Options, run};

/// Seeds that once failed, and what they showed.
const REMEMBERED: &[(u64, &str)] = &[
    (
        231,
        "a deposed leader without records of its reign took those of an earlier one for its own, and cut them off",
    ),
    (2, "a broker that learns late that it led is not a leader without the records"),
    (9, "a follower whose registration was superseded stopped following"),
    (
        1041,
        "a controller gave sessions by the metadata it followed, not by that of its reign: the dead were never fenced",
    ),
    (3230, "a leader that had fenced itself told a consumer that what it lacked was out of range"),
    (
        3014,
        "a broker with a damaged index forgot later epochs, and had its followers cut their logs for ever",
    ),
    (3098, "a controller that keeps silent tried to be confirmed without a rest, and did nothing else"),
    (
        4733,
        "a snapshot of records that were cut came back with a power cut, and a producer's retry was taken for written",
    ),
    (
        3133,
        "a controller judged who votes by metadata older than its reign, and gave the majority to a disk that is gone",
    ),
    (
        7780,
        "a broker with a full disk beat but did not follow, and told a consumer an end as the leader that it was no more",
    ),
];

#[test]
fn a_run_that_goes_on_is_ended_and_has_failed() {
    let short = Options { lifetime: Duration::from_secs(20), ..Options::calm(1) };
    let few = Options { most_draws: 5_000, ..Options::calm(1) };
    for options in [short, few] {
        let report = run(options).expect("the world runs");
        let ended = report.violations.iter().any(|said| said.starts_with("the run does not end"));
        assert!(ended, "{:#?}", report.violations);
    }
}

fn passes(options: Options) {
    passes_as(options, "no bug that is known");
}

fn passes_as(options: Options, once: &str) {
    let seed = options.seed;
    let report = run(options).expect("the world runs");
    assert!(report.violations.is_empty(), "seed {seed} ({once}): {:#?}", report.violations);
    assert!(report.acknowledged > 0, "seed {seed} did nothing");
}

#[test]
fn nothing_is_lost_where_nothing_goes_wrong() {
    passes(Options::calm(1));
}

#[test]
fn nothing_is_lost_whatever_goes_wrong() {
    for seed in 100..104 {
        passes(Options::of(seed));
    }
}

#[test]
fn seeds_that_failed_once_do_not_any_more() {
    for (seed, what) in REMEMBERED {
        passes_as(Options::of(*seed), what);
    }
}

#[test]
fn a_seed_gives_the_same_history_every_time() {
    for seed in [3, 4] {
        let first = run(Options::of(seed)).expect("the world runs");
        assert_eq!(first, run(Options::of(seed)).expect("the world runs"));
        assert_ne!(first.hash, run(Options::of(seed + 10)).expect("the world runs").hash);
    }
}
