//! A histogram of durations and what is reported of it. Merging is exact: buckets are added, percentiles are not.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::error::LoadError;

/// The longest that is told apart; what took longer counts as this.
const MOST_US: u64 = 600_000_000;
/// Three digits: the error of a percentile is below 0.1 %.
const DIGITS: u8 = 3;

/// Durations in microseconds.
#[derive(Debug)]
pub(crate) struct Durations(Histogram<u64>);

/// What is printed of them.
#[derive(Debug, Serialize)]
pub(crate) struct Percentiles {
    count: u64,
    mean_us: f64,
    p50_us: u64,
    p90_us: u64,
    p99_us: u64,
    p999_us: u64,
    p9999_us: u64,
    max_us: u64,
    /// Pairs of percentile and microseconds, for a curve.
    curve: Vec<(f64, u64)>,
}

impl Durations {
    pub(crate) fn new() -> Result<Self, LoadError> {
        let histogram = Histogram::new_with_max(MOST_US, DIGITS);
        histogram.map(Self).map_err(|error| LoadError::Nonsense(format!("no histogram: {error}")))
    }

    pub(crate) fn record(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_micros()).unwrap_or(MOST_US).max(1));
    }

    /// Adds what another thread saw.
    pub(crate) fn merge(&mut self, other: &Self) {
        // Both have the same bounds, so there is nothing that could not be added.
        let _ = self.0.add(&other.0);
    }

    pub(crate) fn percentiles(&self) -> Percentiles {
        let at = |quantile| self.0.value_at_quantile(quantile);
        let curve = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 1.0];
        Percentiles {
            count: self.0.len(),
            mean_us: self.0.mean(),
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            p9999_us: at(0.9999),
            max_us: self.0.max(),
            curve: curve.iter().map(|quantile| (*quantile, at(*quantile))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_merged_halves_are_those_of_the_whole() {
        let (mut low, mut high) = (Durations::new().expect("legal"), Durations::new().expect("legal"));
        (1..=500).for_each(|us| low.record(Duration::from_micros(us)));
        (501..=1000).for_each(|us| high.record(Duration::from_micros(us)));
        low.merge(&high);
        let seen = low.percentiles();
        assert_eq!((seen.count, seen.p50_us, seen.p99_us, seen.max_us), (1000, 500, 990, 1000));
    }

    #[test]
    fn what_is_beyond_the_bound_counts_as_the_bound() {
        let mut durations = Durations::new().expect("legal");
        durations.record(Duration::from_secs(86_400));
        assert!(durations.percentiles().max_us >= MOST_US);
    }
}
