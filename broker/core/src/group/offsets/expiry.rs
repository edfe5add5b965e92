//! Decides which offsets nobody uses any more (KIP-211), and removes groups that are empty and have none left. Never
//! touches an offset that a live consumer is subscribed to, nor any of a group it does not understand. A wall clock that
//! jumps ahead does not age offsets: between two searches they age by no more than the steady clock went on.

use weir_model::{DurationMs, Millis};

use super::subscribed;
use crate::group::committed::{Committed, CommittedGroup};
use crate::group::config::GroupConfig;
use crate::group::ids::{GroupId, Now};
use crate::group::live::{LiveGroup, Phase};
use crate::group::records::{CommittedOffset, Record};
use crate::group::subscription::Subscribed;

/// How many groups and records one step of a search may touch, so that a search does not hold up the mailbox.
const GROUPS_A_STEP: usize = 1_000;
const RECORDS_A_STEP: usize = 500;

/// Where the periodic search is.
#[derive(Debug)]
pub(in crate::group) struct Sweep {
    next_at: Millis,
    cursor: Option<GroupId>,
    /// The wall time by which offsets are judged, and when (steady) that was.
    clock: Now,
}

impl Sweep {
    pub(in crate::group) fn starting(now: Now, config: &GroupConfig) -> Self {
        Self { next_at: now.steady + config.retention_check_interval, cursor: None, clock: now }
    }

    pub(in crate::group) fn next_at(&self) -> Millis {
        self.next_at
    }

    /// One step of the search: some groups further, and the records that remove what was found.
    pub(in crate::group) fn step<'a>(
        &mut self,
        committed: &Committed,
        live: impl Fn(&GroupId) -> Option<&'a LiveGroup>,
        config: &GroupConfig,
        now: Now,
    ) -> Vec<Record> {
        let at = self.judging_time(now);
        let mut records = Vec::new();
        for (seen, (id, group)) in committed.after(self.cursor.clone().as_ref()).enumerate() {
            if seen == GROUPS_A_STEP || records.len() >= RECORDS_A_STEP {
                return records;
            }
            records.extend(expired(id, group, live(id), at, config));
            self.cursor = Some(id.clone());
        }
        self.cursor = None;
        self.next_at = now.steady + config.retention_check_interval;
        records
    }

    fn judging_time(&mut self, now: Now) -> Millis {
        let went_on = now.steady.since(self.clock.steady).max(DurationMs(0));
        let wall = now.wall.min(self.clock.wall + went_on);
        self.clock = Now { steady: now.steady, wall };
        wall
    }
}

fn expired(
    id: &GroupId,
    group: &CommittedGroup,
    live: Option<&LiveGroup>,
    at: Millis,
    config: &GroupConfig,
) -> Vec<Record> {
    let Some(rule) = Rule::of(group, live) else { return Vec::new() };
    let subscribed = subscribed(live, Some(group));
    let mut records = Vec::new();
    let mut kept = 0usize;
    for (topic, partitions) in &group.offsets {
        for (partition, offset) in partitions {
            if !subscribed.uses(topic.as_str()) && rule.is_over(offset, at, config.offsets_retention) {
                records.push(Record::offset_tombstone(id, topic, *partition));
            } else {
                kept += 1;
            }
        }
    }
    if kept == 0 && group.meta.is_some() && live.is_none() && is_empty(group) {
        records.push(Record::Group { group: id.clone(), meta: None });
    }
    records
}

fn is_empty(group: &CommittedGroup) -> bool {
    group.meta.as_ref().is_none_or(|m| m.members.is_empty())
}

/// From when on an offset ages.
#[derive(Clone, Copy)]
enum Rule {
    /// From its commit.
    SinceCommit,
    /// From the time the group became empty, however old the commit.
    SinceEmpty(Millis),
}

impl Rule {
    fn of(group: &CommittedGroup, live: Option<&LiveGroup>) -> Option<Self> {
        let phase = live.map_or(if is_empty(group) { Phase::Empty } else { Phase::Stable }, |l| l.phase);
        let meta = group.meta.as_ref().filter(|m| m.protocol_type.is_some());
        match (meta, phase) {
            (Some(meta), Phase::Empty) => Some(meta.state_since.map_or(Self::SinceCommit, Self::SinceEmpty)),
            (Some(_), Phase::Stable) => {
                matches!(subscribed(live, Some(group)), Subscribed::To(_)).then_some(Self::SinceCommit)
            }
            (None, Phase::Empty) => Some(Self::SinceCommit),
            (_, Phase::Preparing { .. } | Phase::Completing | Phase::Stable) => None,
        }
    }

    fn is_over(self, offset: &CommittedOffset, at: Millis, retention: DurationMs) -> bool {
        if let Some(end) = offset.expires_at {
            return at >= end;
        }
        let since = match self {
            Self::SinceCommit => offset.committed_at,
            Self::SinceEmpty(since) => since,
        };
        at.since(since) >= retention
    }
}
