//! A number over time: how long something must stand, what breaks it, and what a load that changes makes of it.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use super::{UP_TO_TEN, fleet};
use crate::scaling::{Course, Direction, Fleet, Quiet, Windows, judge, steer};

const WINDOWS: Windows = Windows { scale_out: Duration::from_secs(60), scale_in: Duration::from_secs(200) };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn of(replicas: u32) -> Course {
    Course { replicas, recommended: replicas, reason: String::new(), message: String::new(), since: at(0) }
}

fn next(before: &Course, fleet: &Fleet, quiet: &Quiet, second: i64) -> Course {
    steer(before, &judge(fleet, UP_TO_TEN), quiet, WINDOWS, at(second), || Ok(()))
}

#[test]
fn out_comes_after_a_minute_without_a_break_and_by_the_smallest_step_that_was_asked_for() {
    let (hot, hotter, cool) = (fleet(&[120; 3]), fleet(&[250; 3]), fleet(&[90; 3]));
    let mut course = next(&of(3), &hotter, &Quiet::Calm, 0);
    assert_eq!((course.replicas, course.recommended, course.direction()), (3, 8, Direction::Out));
    course = next(&course, &hot, &Quiet::Calm, 30);
    assert_eq!((course.replicas, course.recommended, course.since), (3, 4, at(0)));
    assert_eq!(next(&course, &cool, &Quiet::Calm, 59).recommended, 3, "a break");
    course = next(&course, &hotter, &Quiet::Calm, 60);
    assert_eq!((course.replicas, course.recommended, course.since), (4, 4, at(60)));
}

#[test]
fn in_comes_one_by_one_and_only_when_it_fits() {
    let idle = fleet(&[10; 6]);
    let mut course = next(&of(6), &idle, &Quiet::Calm, 0);
    assert_eq!((course.replicas, course.recommended), (6, 3));
    course = next(&course, &idle, &Quiet::Calm, 199);
    assert_eq!((course.replicas, course.since), (6, at(0)));
    let full = || Err("no room".to_owned());
    let refused = steer(&course, &judge(&idle, UP_TO_TEN), &Quiet::Calm, WINDOWS, at(200), full);
    assert_eq!((refused.replicas, refused.recommended, &*refused.reason), (6, 6, "OneFewerNotSafe"));
    assert!(refused.message.contains("no room"), "{}", refused.message);
    course = next(&course, &idle, &Quiet::Calm, 200);
    assert_eq!((course.replicas, course.recommended, course.since), (5, 5, at(200)));
}

#[test]
fn nothing_changes_while_something_else_is_going_on_and_time_begins_anew_after_it() {
    let busy = Quiet::Busy { reason: "Roll", why: "brokers are restarted".to_owned() };
    let hot = fleet(&[150; 3]);
    let course = next(&next(&of(3), &hot, &Quiet::Calm, 0), &hot, &busy, 600);
    assert_eq!((course.replicas, course.recommended, &*course.reason), (3, 3, "Roll"));
    let course = next(&course, &hot, &Quiet::Calm, 700);
    assert_eq!((course.replicas, course.since), (3, at(700)));
    // What is being taken away may stay: that disturbs nobody.
    let course = next(&next(&of(3), &hot, &Quiet::ScalingIn, 0), &hot, &Quiet::ScalingIn, 60);
    assert_eq!(course.replicas, 5);
    let idle = fleet(&[10; 6]);
    assert_eq!(next(&of(6), &idle, &Quiet::ScalingIn, 0).recommended, 6);
}

#[test]
fn numbers_that_change_all_the_time_are_not_written_all_the_time() {
    let first = next(&of(3), &fleet(&[120; 3]), &Quiet::Calm, 0);
    assert_eq!(next(&first, &fleet(&[125; 3]), &Quiet::Calm, 15), first, "another percentage alone");
    let calm = next(&of(4), &fleet(&[90; 4]), &Quiet::Calm, 0);
    assert_eq!(next(&calm, &fleet(&[85; 4]), &Quiet::Calm, 15), calm);
}

/// Half an hour of virtual time, looked at every 15 s: the numbers that it goes through. Load in percent of one broker's
/// target, for all of them together. Whoever is killed and started again has nothing but what status says, and nothing else
/// is handed on here.
fn followed(mut course: Course, load: impl Fn(i64) -> u64) -> Vec<u32> {
    let mut numbers = vec![course.replicas];
    for second in (0..1_800).step_by(15) {
        let brokers = usize::try_from(course.replicas).unwrap();
        course = next(&course, &fleet(&vec![load(second) / brokers as u64; brokers]), &Quiet::Calm, second);
        if numbers.last() != Some(&course.replicas) {
            numbers.push(course.replicas);
        }
    }
    numbers
}

/// Something that looks like chance, below 31.
fn swing(second: i64) -> u64 {
    u64::try_from((second / 15 * 7_919) % 31).unwrap()
}

#[test]
fn a_load_that_comes_and_goes_is_followed_out_and_in_without_flapping() {
    let load = |second: i64| match second {
        // A peak that is gone at the next look moves nobody.
        120 | 600 => 2_000,
        ..300 => 180 + swing(second),
        300..900 => 620 + swing(second),
        _ => 200 + swing(second),
    };
    assert_eq!(followed(of(3), load), [3, 7, 6, 5, 4, 3]);
}

#[test]
fn a_load_that_trembles_at_the_threshold_changes_the_number_once_at_most() {
    for middle in (200..1_000).step_by(5) {
        let numbers = followed(of(4), |second| middle - 15 + swing(second));
        let out = numbers.windows(2).filter(|pair| pair[1] > pair[0]).count();
        let back = numbers.windows(2).filter(|pair| pair[1] < pair[0]).count();
        assert!(out <= 2 && (out == 0 || back == 0), "{middle}: {numbers:?}");
    }
}
