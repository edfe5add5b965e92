//! How much flows through this broker: rates over the last seconds, from counters that are looked at from time to time.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How far back rates look.
const WINDOW: Duration = Duration::from_secs(10);
/// Samples that are kept: enough for the window, at the pace below.
const MOST_SAMPLES: usize = 8;
/// How often the counters are looked at.
pub(super) const PACE: Duration = Duration::from_secs(2);

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counters {
    pub(super) bytes_in: f64,
    pub(super) bytes_out: f64,
    pub(super) replication_out: f64,
    pub(super) replication_in: f64,
    pub(super) cpu_seconds: f64,
}

/// The latest samples.
#[derive(Debug, Default)]
pub(super) struct Rates {
    samples: Mutex<VecDeque<(Instant, Counters)>>,
}

impl Rates {
    /// Takes a sample in.
    pub(super) fn sample(&self, now: Instant, counters: Counters) {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        while samples.len() >= MOST_SAMPLES
            || samples.front().is_some_and(|(at, _)| now.duration_since(*at) > WINDOW)
        {
            samples.pop_front();
        }
        samples.push_back((now, counters));
    }

    /// What flows in a second, from the oldest sample to now.
    pub(super) fn per_second(&self, now: Instant, counters: Counters) -> Counters {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((since, before)) = samples.front() else { return Counters::default() };
        let seconds = now.duration_since(*since).as_secs_f64();
        if seconds <= 0.0 {
            return Counters::default();
        }
        let rate = |now: f64, before: f64| ((now - before) / seconds).max(0.0);
        Counters {
            bytes_in: rate(counters.bytes_in, before.bytes_in),
            bytes_out: rate(counters.bytes_out, before.bytes_out),
            replication_out: rate(counters.replication_out, before.replication_out),
            replication_in: rate(counters.replication_in, before.replication_in),
            cpu_seconds: rate(counters.cpu_seconds, before.cpu_seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_last_seconds_and_nothing_is_known_at_first() {
        let (rates, start) = (Rates::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let counted = |bytes_in| Counters { bytes_in, ..Counters::default() };
        assert_eq!(rates.per_second(at(0), counted(5.0)), Counters::default());
        rates.sample(at(0), counted(0.0));
        assert_eq!(rates.per_second(at(2), counted(20.0)).bytes_in, 10.0);
        for second in 1..=20 {
            rates.sample(at(second), counted(1_000.0));
        }
        assert_eq!(rates.per_second(at(20), counted(1_000.0)).bytes_in, 0.0);
        assert_eq!(rates.samples.lock().unwrap().len(), MOST_SAMPLES);
    }
}
