//! From bytes to bytes a second, over minutes: what came one half-life ago counts half of what comes now. Pure arithmetic.
//! It begins honestly: a sum that was kept for a short while is divided by what that while can weigh, so that it is neither
//! too small nor made of one burst; and what was kept for less than [`YOUNG`] says nothing.

use weir_model::DurationMs;

/// Replicas and leaders are moved by these rates, and a move lasts for minutes: what comes and goes within one is no reason
/// for it, and what stays is known after two or three of these.
const HALF_LIFE: DurationMs = DurationMs(5 * 60 * 1_000);

/// Who has counted for less than this does not know yet.
pub(crate) const YOUNG: DurationMs = DurationMs(2 * 60 * 1_000);

/// Bytes, those of long ago counting less.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Faded(f64);

impl Faded {
    /// Once so much time has passed and so many bytes have come in it, one like the other.
    pub(crate) fn after(self, passed: DurationMs, bytes: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "rates need no 53 bits")]
        let bytes = bytes as f64;
        let seconds = seconds(passed);
        let fresh = if seconds > 0.0 { bytes * weight(passed) / seconds } else { bytes };
        Self(self.0 * left(passed) + fresh)
    }

    /// Bytes a second, of what was counted for so long.
    pub(crate) fn per_second(self, counted_for: DurationMs) -> u64 {
        if counted_for.0 <= 0 {
            return 0;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "never negative")]
        let rate = (self.0 / weight(counted_for)).round() as u64;
        rate
    }
}

/// How much of something counts that is so old.
fn left(age: DurationMs) -> f64 {
    (-seconds(age) / seconds(HALF_LIFE)).exp2()
}

/// What all moments of a span count together, in seconds: never more than one half-life divided by ln 2.
fn weight(span: DurationMs) -> f64 {
    (1.0 - left(span)) * seconds(HALF_LIFE) / std::f64::consts::LN_2
}

fn seconds(span: DurationMs) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "not for thousands of years")]
    let ms = span.0.max(0) as f64;
    ms / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    /// The rate after looks that far apart, in each of which so many bytes had come.
    fn rate(looks: &[(i64, u64)]) -> u64 {
        let faded = |faded: Faded, &(ms, bytes): &(i64, u64)| faded.after(DurationMs(ms), bytes);
        let age = looks.iter().map(|(ms, _)| ms).sum();
        looks.iter().fold(Faded::default(), faded).per_second(DurationMs(age))
    }

    #[test]
    fn a_steady_rate_is_told_as_it_is_however_long_it_was_counted_and_however_often_it_was_looked_at() {
        for looks in [1, 2, 30, 1_000] {
            for ms in [1_000, 10_000, 600_000] {
                let steady = vec![(ms, u64::try_from(ms).unwrap() * 5); looks];
                assert_eq!(rate(&steady), 5_000, "{looks} looks, {ms} ms apart");
            }
        }
    }

    #[test]
    fn what_was_goes_by_halves_and_what_is_comes_by_halves() {
        let hour = (60 * MINUTE, 3_600_000);
        let table = [
            ("an hour of 1,000 B/s", vec![hour], 1_000),
            ("and five minutes of nothing", vec![hour, (5 * MINUTE, 0)], 500),
            ("and twenty minutes of nothing", vec![hour, (20 * MINUTE, 0)], 62),
            ("and five minutes of 3,000 B/s", vec![hour, (5 * MINUTE, 900_000)], 2_000),
            ("a burst of ten seconds in an hour", vec![(60 * MINUTE, 0), (10_000, 1_000_000)], 2_284),
            ("nothing at all", vec![(60 * MINUTE, 0)], 0),
            ("no time at all", vec![(0, 1_000)], 0),
            ("a clock that stood still", vec![hour, (0, 0)], 1_000),
        ];
        for (what, looks, expected) in table {
            let told = rate(&looks);
            assert!(told.abs_diff(expected) <= expected / 100 + 1, "{what}: {told}, not {expected}");
        }
    }

    #[test]
    fn a_burst_just_after_the_beginning_is_no_rate_for_ever() {
        let burst = |minutes: i64| rate(&[(1_000, 60_000_000), (minutes * MINUTE, 0)]);
        assert!(
            (400_000..500_000).contains(&burst(2)),
            "as if it were spread over two minutes: {}",
            burst(2)
        );
        assert!(burst(30) < 5_000, "{}", burst(30));
    }
}
