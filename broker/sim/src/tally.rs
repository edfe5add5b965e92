//! What came of many seeds: sums, and which of them failed. It keeps no report, so that a million seeds cost no memory.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use weir_sim::Report;

/// The sums so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    seeds: u64,
    acknowledged: u64,
    virtual_time: Duration,
    /// Of all traces: the same seeds give the same number, in whatever order they ran.
    traces: u64,
    /// Which failed, or did not even run.
    failed: Vec<u64>,
}

impl Tally {
    pub(crate) fn take(&mut self, report: &Report) {
        self.seeds += 1;
        self.acknowledged += report.acknowledged as u64;
        self.virtual_time += report.elapsed;
        self.traces = self.traces.wrapping_add(report.hash.0);
        if !report.violations.is_empty() {
            self.failed.push(report.seed);
        }
    }

    /// A seed could not be run at all.
    pub(crate) fn not_run(&mut self, seed: u64) {
        self.failed.push(seed);
    }

    pub(crate) fn failed(&self) -> &[u64] {
        &self.failed
    }

    /// One line on how far it is.
    pub(crate) fn progress(&self, of: u64, took: Duration) -> impl Display + '_ {
        Progress { tally: self, of, took }
    }
}

struct Progress<'a> {
    tally: &'a Tally,
    of: u64,
    took: Duration,
}

impl Display for Progress<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Tally { seeds, acknowledged, virtual_time, traces, failed } = self.tally;
        let took = self.took.as_secs_f64();
        let hours = virtual_time.as_secs_f64() / 3600.0;
        let speed = *seeds as f64 / took.max(1e-9);
        write!(
            f,
            "{seeds} of {} seeds in {took:.0} s ({speed:.1} seeds/s), {} failed, {hours:.2} cluster-hours, \
             {acknowledged} values acknowledged, traces {traces:016x}",
            self.of,
            failed.len(),
        )
    }
}
