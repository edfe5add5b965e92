//! How far consumer groups are behind, in records and in time. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use weir_model::{Millis, Offset, PartitionIndex, TopicName};

use crate::partition::command::Backlog;
use crate::peers::StandsAt;

/// Where a group stands in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) group: String,
    pub(super) topic: TopicName,
    pub(super) at: StandsAt,
}

/// How far it is behind there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lag {
    pub(super) group: String,
    pub(super) topic: TopicName,
    pub(super) partition: PartitionIndex,
    pub(super) committed: Offset,
    pub(super) records: u64,
    /// How long the first record that it has not read waits; unknown where that record has no time.
    pub(super) waited: Option<Duration>,
}

impl Lag {
    /// Counts as Kafka's tools do: from the committed offset, whether or not the records are still there. A clock that is
    /// behind a producer's makes nobody wait for a negative time.
    pub(super) fn of(position: &Position, backlog: Backlog, now: Millis) -> Self {
        let committed = position.at.offset;
        let records = u64::try_from(backlog.end.0.saturating_sub(committed.0)).unwrap_or(0);
        let since = |time: Millis| Duration::from_millis(u64::try_from(now.since(time).0).unwrap_or(0));
        let waited = if records == 0 { Some(Duration::ZERO) } else { backlog.waits_since.map(since) };
        Self {
            group: position.group.clone(),
            topic: position.topic.clone(),
            partition: position.at.index,
            committed,
            records,
            waited,
        }
    }
}

/// A group's lag in all partitions of a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct InAll {
    pub(super) records: u64,
    /// Of the record that waits for longest.
    pub(super) waited: Option<Duration>,
}

/// Adds up what `/metrics` shows: by group and topic.
pub(super) fn by_topic(lags: &[Lag]) -> BTreeMap<(&str, &str), InAll> {
    let mut sums: BTreeMap<(&str, &str), InAll> = BTreeMap::new();
    for lag in lags {
        let sum = sums.entry((&lag.group, lag.topic.as_str())).or_default();
        sum.records = sum.records.saturating_add(lag.records);
        sum.waited = sum.waited.max(lag.waited);
    }
    sums
}

#[cfg(test)]
mod tests {
    use weir_model::TopicId;

    use super::*;

    fn position(partition: i32, offset: i64) -> Position {
        Position {
            group: "g".to_owned(),
            topic: TopicName::new("t").unwrap(),
            at: StandsAt { topic: TopicId::ZERO, index: PartitionIndex(partition), offset: Offset(offset) },
        }
    }

    #[test]
    fn lag_counts_from_the_committed_offset_and_never_below_nothing() {
        let now = Millis(10_000);
        let seconds = |s| Some(Duration::from_secs(s));
        let cases = [
            // committed, end, first unread record's time, records, waited
            (7, 7, None, 0, seconds(0)),
            (5, 7, Some(4_000), 2, seconds(6)),
            (5, 7, None, 2, None),
            // A topic that was cut, or made anew before this was noticed.
            (9, 7, None, 0, seconds(0)),
            // A producer's clock is ahead.
            (5, 7, Some(60_000), 2, seconds(0)),
            (0, i64::MAX, Some(0), i64::MAX as u64, seconds(10)),
        ];
        for (committed, end, since, records, waited) in cases {
            let backlog = Backlog { end: Offset(end), waits_since: since.map(Millis) };
            let lag = Lag::of(&position(0, committed), backlog, now);
            assert_eq!((lag.records, lag.waited), (records, waited), "{committed} {end} {since:?}");
        }
    }

    #[test]
    fn a_topics_lag_is_all_its_records_and_the_longest_wait() {
        let backlog = |end, since| Backlog { end: Offset(end), waits_since: Some(Millis(since)) };
        let lags = [
            Lag::of(&position(0, 1), backlog(4, 7_000), Millis(10_000)),
            Lag::of(&position(1, 2), backlog(4, 2_000), Millis(10_000)),
            Lag::of(&position(2, 4), backlog(4, 0), Millis(10_000)),
        ];
        let sums = by_topic(&lags);
        assert_eq!(sums[&("g", "t")], InAll { records: 5, waited: Some(Duration::from_secs(8)) });
    }
}
