//! When records are due, and which of them count: the open loop's clock.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use clap::Args;
use rustix::thread::{Timespec, nanosleep, set_current_timer_slack};

use crate::error::LoadError;
use crate::percentiles::Durations;

#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Rate {
    /// Records a second, over all connections
    #[arg(long = "rate", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(super) per_second: u32,
    /// How long it is measured
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// How long it is loaded before that
    #[arg(long, default_value_t = 2)]
    warmup_seconds: u32,
}

/// When the records of each connection are due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) began: Instant,
    /// Until the first record of this connection.
    phase: Duration,
    /// Between two records of one connection.
    interval: Duration,
    /// Records of one connection.
    pub(super) records: u32,
    /// What is due before is not counted.
    pub(super) warmup: Duration,
}

impl Rate {
    /// Begins now; each of so many connections has its share of the rate.
    pub(super) fn plan(&self, connections: usize) -> Plan {
        let each = f64::from(self.per_second) / connections as f64;
        let whole = f64::from(self.warmup_seconds + self.seconds);
        Plan {
            began: Instant::now(),
            phase: Duration::ZERO,
            interval: Duration::from_secs_f64(1.0 / each),
            records: (each * whole).ceil() as u32,
            warmup: Duration::from_secs(u64::from(self.warmup_seconds)),
        }
    }
}

impl Plan {
    /// For one of so many connections. They take turns: a steady rate is one record after the other, not a burst of as many as
    /// there are connections, whose last one waits for all others on the clients' processor.
    pub(super) fn of(self, connection: usize, connections: usize) -> Self {
        Self { phase: self.interval.mul_f64(connection as f64 / connections as f64), ..self }
    }

    pub(super) fn due(&self, number: u32) -> Duration {
        self.phase + self.interval * number
    }

    /// A record that was due then has come back now; it counts once the warm-up is over.
    pub(super) fn note_back(&self, number: u32, durations: &mut Durations) {
        let due = self.due(number);
        if due >= self.warmup {
            durations.record(self.began.elapsed().saturating_sub(due));
        }
    }

    /// Sleeps till then; gives how much later it is.
    pub(super) fn wait_until(&self, due: Duration) -> Duration {
        loop {
            let now = self.began.elapsed();
            let Some(left) = due.checked_sub(now).filter(|left| !left.is_zero()) else { return now - due };
            let tv_sec = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
            // An interrupted sleep is gone about again.
            let _ = nanosleep(&Timespec { tv_sec, tv_nsec: i64::from(left.subsec_nanos()) });
        }
    }
}

/// The kernel may else let the thread sleep 50 us longer than it is told, which would be charged to the broker.
pub(super) fn wake_in_time() -> Result<(), LoadError> {
    let set = set_current_timer_slack(NonZeroU64::new(1));
    set.map_err(|errno| LoadError::machine("setting the timer slack")(errno.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_share_the_rate() {
        let rate = Rate { per_second: 1000, seconds: 3, warmup_seconds: 1 };
        let plan = rate.plan(4);
        assert_eq!((plan.records, plan.due(250)), (1000, Duration::from_secs(1)));
        assert_eq!(plan.warmup, Duration::from_secs(1));
    }

    #[test]
    fn connections_take_turns_at_the_same_distance() {
        let rate = Rate { per_second: 1000, seconds: 1, warmup_seconds: 0 };
        let mut due: Vec<_> = (0..4)
            .flat_map(|connection| (0..25).map(move |number| rate.plan(4).of(connection, 4).due(number)))
            .collect();
        due.sort();
        let even = (0..100).map(Duration::from_millis);
        assert!(due.into_iter().eq(even));
    }

    #[test]
    fn what_is_overdue_is_not_waited_for() {
        let rate = Rate { per_second: 1000, seconds: 1, warmup_seconds: 0 };
        let plan = rate.plan(1);
        assert!(
            plan.wait_until(Duration::from_millis(2)) < Duration::from_secs(1),
            "it slept about that long"
        );
        assert!(plan.began.elapsed() >= Duration::from_millis(2));
        assert!(plan.wait_until(Duration::ZERO) >= Duration::from_millis(2));
    }
}
