//! How many bytes may be replicated now, at so many in a second. Pure: told the time. A read may take more than is left,
//! so that a batch larger than the rate gets through; what comes after waits until that is made up for.

use weir_model::{DurationMs, Millis};

/// What may be taken at once after a pause, in time.
const BURST: DurationMs = DurationMs(1_000);

/// A bucket that fills with time. Without a rate it never runs dry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Throttle {
    /// Bytes in a second.
    rate: Option<u64>,
    /// What is left, in thousandths of a byte; below zero after a large read.
    level: i128,
    filled_at: Option<Millis>,
}

impl Throttle {
    /// A full bucket.
    pub(crate) fn at_rate(rate: Option<u64>) -> Self {
        Self { rate, level: full(rate), filled_at: None }
    }

    /// Takes another rate; what was taken too much stays owed.
    pub(crate) fn set_rate(&mut self, rate: Option<u64>) {
        if self.rate != rate {
            let was_free = self.rate.is_none();
            self.rate = rate;
            self.level = if was_free { full(rate) } else { self.level.min(full(rate)) };
        }
    }

    /// Whether bytes may be taken now.
    pub(crate) fn is_open(&mut self, now: Millis) -> bool {
        self.fill(now);
        self.rate.is_none() || self.level > 0
    }

    /// Bytes were taken.
    pub(crate) fn take(&mut self, bytes: u64) {
        if self.rate.is_some() {
            self.level = self.level.saturating_sub(i128::from(bytes) * 1_000);
        }
    }

    /// When bytes may be taken again; `None`: now.
    pub(crate) fn opens_at(&self, now: Millis) -> Option<Millis> {
        let rate = i128::from(self.rate?.max(1));
        (self.level <= 0).then(|| {
            let wait = (1 - self.level) / rate + 1;
            now + DurationMs(i64::try_from(wait).unwrap_or(i64::MAX))
        })
    }

    fn fill(&mut self, now: Millis) {
        let since = self.filled_at.replace(now).map_or(0, |then| now.since(then).0.max(0));
        if let Some(rate) = self.rate {
            let gained = i128::from(rate.max(1)) * i128::from(since);
            self.level = self.level.saturating_add(gained).min(full(self.rate));
        }
    }
}

fn full(rate: Option<u64>) -> i128 {
    rate.map_or(0, |rate| i128::from(rate.max(1)) * i128::from(BURST.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_time_no_more_than_the_rate_gets_through() {
        let mut throttle = Throttle::at_rate(Some(1_000));
        let mut taken = 0;
        for ms in 0..10_000 {
            if throttle.is_open(Millis(ms)) {
                throttle.take(300);
                taken += 300;
            }
        }
        assert!((10_000..=11_300).contains(&taken), "ten seconds and one in hand gave {taken} bytes");
    }

    #[test]
    fn a_read_larger_than_the_rate_gets_through_and_is_made_up_for() {
        let mut throttle = Throttle::at_rate(Some(1_000));
        assert!(throttle.is_open(Millis(0)));
        throttle.take(5_000);
        assert!(!throttle.is_open(Millis(3_999)));
        let opens = throttle.opens_at(Millis(3_999)).unwrap();
        assert!(throttle.is_open(opens), "{opens}");
        assert!(opens <= Millis(4_002));
    }

    #[test]
    fn without_a_rate_nothing_waits_and_a_new_rate_holds_at_once() {
        let mut throttle = Throttle::at_rate(None);
        throttle.take(u64::MAX);
        assert!(throttle.is_open(Millis(0)));
        assert_eq!(throttle.opens_at(Millis(0)), None);
        throttle.set_rate(Some(10));
        assert!(throttle.is_open(Millis(0)));
        throttle.take(20);
        assert!(!throttle.is_open(Millis(1)));
        throttle.set_rate(None);
        assert!(throttle.is_open(Millis(2)));
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_and_takes_nothing() {
        let mut throttle = Throttle::at_rate(Some(1_000));
        throttle.take(1_500);
        assert!(!throttle.is_open(Millis(10_000)));
        assert!(!throttle.is_open(Millis(0)));
        assert!(throttle.is_open(Millis(600)));
    }
}
