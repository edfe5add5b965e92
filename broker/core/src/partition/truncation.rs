//! Where a follower cuts its log: at the end of the last reign that it and its leader have in common (KIP-101,
//! KIP-279), never by its watermark. What it knows to be committed it gives up only where an unclean election may have
//! lost it, and that shows: such an election leaves nobody but the new leader in the ISR. A member that is asked to cut
//! below its watermark has come upon a contradiction, and must not make it worse.

use weir_model::Offset;

use super::error::FollowError;
use super::leader_epochs::{EpochEnd, EpochStart, end_of_epoch};
use super::replica::{Following, Replica, Role};
use super::{FetchFrom, Producers};

/// What to cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncation {
    /// Everything from here on: [`Replica::on_truncated`] wants to know what the log made of it.
    pub to: Offset,
    /// So many records that were known to be committed go with it: an unclean election lost them. Worth a warning.
    pub lost: i64,
}

/// The end of what two logs may have in common, given the follower's `reigns` and the leader's answer: the end of the
/// latest reign both know, in whichever log it ended first. A leader that knows no common reign parts before
/// everything. Several rounds may be needed; each drops a reign or records.
#[must_use]
pub fn truncation_point(
    reigns: &[EpochStart],
    leaders: EpochEnd,
    log_start: Offset,
    log_end: Offset,
) -> Offset {
    if leaders.epoch.0 < 0 || leaders.end.0 < 0 {
        return log_start;
    }
    let own = end_of_epoch(reigns, leaders.epoch, log_end).map_or(log_end, |own| own.end);
    own.min(leaders.end).min(log_end)
}

impl Replica {
    /// The leader says that the logs part. The caller cuts its log at the point given, rebuilds the producers' state,
    /// and reports [`Replica::on_truncated`].
    pub fn truncation(
        &self,
        asked: FetchFrom,
        reigns: &[EpochStart],
        leaders: EpochEnd,
    ) -> Result<Truncation, FollowError> {
        self.check_fetched(asked)?;
        let to = truncation_point(reigns, leaders, self.log_start, self.log_end);
        Ok(Truncation { to, lost: self.committed_beyond(to)? })
    }

    /// The leader says that the offset asked for is outside of its log, which reaches from `start` to `end`. Gives the
    /// offset to empty this log at: the leader's first, from where everything is fetched anew.
    pub fn restart_point(
        &self,
        asked: FetchFrom,
        start: Offset,
        end: Offset,
    ) -> Result<Truncation, FollowError> {
        self.check_fetched(asked)?;
        if self.log_end < start {
            return Ok(Truncation { to: start, lost: 0 });
        }
        if self.log_end <= end {
            return Err(FollowError::Stale);
        }
        Ok(Truncation { to: start, lost: self.committed_beyond(end)? })
    }

    fn committed_beyond(&self, to: Offset) -> Result<i64, FollowError> {
        let high_watermark = self.high_watermark;
        let lost = (high_watermark - to).max(0);
        match self.role {
            Role::Follower(Following { in_sync: true, .. }) if lost > 0 => {
                Err(FollowError::LosesCommitted { to, high_watermark })
            }
            _ => Ok(lost),
        }
    }

    /// The log was cut or emptied, durably, and now reaches from `log_start` to `log_end`. Where there was nothing to cut
    /// but a reign without records, its tail may still be unsynced: `durable_end` is the log's word on that. `producers`
    /// is the state that its batches give.
    pub fn on_truncated(
        &mut self,
        log_start: Offset,
        log_end: Offset,
        durable_end: Offset,
        producers: Producers,
    ) {
        self.log_start = log_start;
        self.log_end = log_end;
        self.durable_end = durable_end;
        self.high_watermark = self.high_watermark.clamp(log_start, log_end);
        if durable_end >= log_end {
            self.unsynced_since = None;
            self.flush_due = false;
        }
        self.producers = producers;
    }
}
