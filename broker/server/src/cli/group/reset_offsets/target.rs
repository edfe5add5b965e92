//! Where a group's offset is to be moved. Pure: what stands in the log is given.

use weir_model::{Millis, Offset};

use crate::cli::moments::parse_moment;

/// One of them has to be given.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct TargetArgs {
    /// To the first record that is still there
    #[arg(long)]
    to_earliest: bool,
    /// To the end: only what is written from now on is read
    #[arg(long)]
    to_latest: bool,
    /// To this offset, or the nearest that there is
    #[arg(long, value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(0..))]
    to_offset: Option<i64>,
    /// To the first record of this time or later: 2026-01-31T12:00:00Z, 15m (before now), or milliseconds since 1970
    #[arg(long, value_name = "TIME")]
    to_time: Option<String>,
    /// By so many records, back when negative
    #[arg(long, value_name = "RECORDS", allow_negative_numbers = true)]
    shift_by: Option<i64>,
}

/// Where to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Earliest,
    Latest,
    Offset(Offset),
    Time(Millis),
    Shift(i64),
}

/// What stands in a partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) start: Offset,
    pub(super) end: Offset,
    /// The first record of the time asked for or later, if there is one.
    pub(super) at_time: Option<Offset>,
    pub(super) committed: Option<Offset>,
}

impl TargetArgs {
    /// The one that was given.
    pub(super) fn target(&self, now: Millis) -> Result<Target, String> {
        if let Some(offset) = self.to_offset {
            return Ok(Target::Offset(Offset(offset)));
        }
        if let Some(time) = &self.to_time {
            return parse_moment(time, now).map(Target::Time);
        }
        if let Some(records) = self.shift_by {
            return Ok(Target::Shift(records));
        }
        Ok(if self.to_earliest { Target::Earliest } else { Target::Latest })
    }
}

/// The offset to commit, inside of what there is; none when there is nothing to shift.
pub(super) fn new_offset(target: Target, bounds: Bounds) -> Option<Offset> {
    let within = |offset: Offset| offset.max(bounds.start).min(bounds.end.max(bounds.start));
    Some(match target {
        Target::Earliest => bounds.start,
        Target::Latest => bounds.end,
        Target::Offset(offset) => within(offset),
        Target::Time(_) => within(bounds.at_time.unwrap_or(bounds.end)),
        Target::Shift(records) => within(Offset(bounds.committed?.0.saturating_add(records))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_stays_inside_of_the_log() {
        let bounds = |at_time: Option<i64>, committed: Option<i64>| Bounds {
            start: Offset(10),
            end: Offset(20),
            at_time: at_time.map(Offset),
            committed: committed.map(Offset),
        };
        let cases = [
            (Target::Earliest, None, None, Some(10)),
            (Target::Latest, None, None, Some(20)),
            (Target::Offset(Offset(15)), None, None, Some(15)),
            (Target::Offset(Offset(5)), None, None, Some(10)),
            (Target::Offset(Offset(25)), None, None, Some(20)),
            (Target::Time(Millis(1)), Some(12), None, Some(12)),
            (Target::Time(Millis(1)), None, None, Some(20)),
            (Target::Shift(-3), None, Some(15), Some(12)),
            (Target::Shift(3), None, Some(15), Some(18)),
            (Target::Shift(i64::MIN), None, Some(15), Some(10)),
            (Target::Shift(i64::MAX), None, Some(15), Some(20)),
            (Target::Shift(1), None, None, None),
        ];
        for (target, at_time, committed, expected) in cases {
            assert_eq!(new_offset(target, bounds(at_time, committed)), expected.map(Offset), "{target:?}");
        }
    }
}
