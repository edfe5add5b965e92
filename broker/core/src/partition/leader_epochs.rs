//! Where reigns ended: the answer to OffsetForLeaderEpoch, and the check that a fetcher's log has not diverged.
//! The log keeps the index of reigns; these are pure questions to it.

use weir_model::{LeaderEpoch, Offset};

use super::{FenceError, Replica};

/// One entry of the log's index of reigns: the offset of the first record of a reign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochStart {
    /// The reign.
    pub epoch: LeaderEpoch,
    /// Where it began.
    pub start: Offset,
}

/// The largest reign not after the one asked for, and where it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The reign.
    pub epoch: LeaderEpoch,
    /// The offset after its last record.
    pub end: Offset,
}

/// Looks a reign's end up. `reigns` is sorted by epoch. `None` when nothing is known of it.
#[must_use]
pub fn end_of_epoch(reigns: &[EpochStart], asked: LeaderEpoch, log_end: Offset) -> Option<EpochEnd> {
    let latest = reigns.last()?;
    if asked.0 < 0 || asked > latest.epoch {
        return None;
    }
    if asked == latest.epoch {
        return Some(EpochEnd { epoch: asked, end: log_end });
    }
    let after = reigns.partition_point(|r| r.epoch <= asked);
    let end = reigns.get(after)?.start;
    // A reign older than all that is left of the log ended where the oldest one that is left began.
    let epoch = after.checked_sub(1).and_then(|at| reigns.get(at)).map_or(asked, |r| r.epoch);
    Some(EpochEnd { epoch, end })
}

/// Where a fetcher's log parts from this one, given the reign of the last record it has; `None`: nowhere. A reign
/// that is not known here parts before everything: epoch and end are -1.
#[must_use]
pub fn diverging_epoch(
    reigns: &[EpochStart],
    last_fetched: LeaderEpoch,
    fetch_offset: Offset,
    log_end: Offset,
) -> Option<EpochEnd> {
    let undefined = EpochEnd { epoch: LeaderEpoch::NONE, end: Offset(-1) };
    let ours = end_of_epoch(reigns, last_fetched, log_end).unwrap_or(undefined);
    (ours.epoch < last_fetched || ours.end < fetch_offset).then_some(ours)
}

impl Replica {
    /// OffsetForLeaderEpoch on the leader. One that may have been deposed does not know where its own reign ended.
    pub fn offset_for_leader_epoch(
        &self,
        reigns: &[EpochStart],
        asked: LeaderEpoch,
        current: Option<LeaderEpoch>,
    ) -> Result<Option<EpochEnd>, FenceError> {
        self.rule_in(current)?;
        Ok(end_of_epoch(reigns, asked, self.log_end))
    }
}
