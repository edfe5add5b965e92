//! The broker's lease: `core`'s rule, put up as a fence before the partitions, on a clock that never jumps and goes on
//! while the process is stopped.

use std::sync::Arc;
use std::time::Instant;

use weir_core::controller::lease::{self, MetadataIndex};
use weir_model::{DurationMs, Millis};
use weir_quorum::LogIndex;

use crate::partition::fence::Fence;

/// Held by the one who beats.
pub(super) struct Lease {
    began: Instant,
    rule: lease::Lease,
    fence: Arc<Fence>,
}

impl Lease {
    /// A broker that is no member yet: the fence is up.
    pub(super) fn none(session: DurationMs, fence: Arc<Fence>) -> Self {
        let began = Instant::now();
        fence.goes_up_at(Some(began));
        Self { began, rule: lease::Lease::new(session), fence }
    }

    /// A beat that was sent at that time was answered: the broker is not fenced, by the metadata as of then. Alone, nobody
    /// else could take over, and the lease does not end by itself.
    pub(super) fn answered(&mut self, sent: Instant, as_of: LogIndex, alone: bool) {
        let (sent, now) = (self.millis(sent), self.millis(Instant::now()));
        self.rule.answered(sent, MetadataIndex(as_of.0), now);
        self.put_up(alone);
    }

    /// The partitions were told of the metadata up to there.
    pub(super) fn followed(&mut self, to: LogIndex, alone: bool) {
        self.rule.followed(MetadataIndex(to.0));
        self.put_up(alone);
    }

    fn put_up(&mut self, alone: bool) {
        match self.ends() {
            Some(ends) => self.fence.goes_up_at(Some(ends).filter(|_| !alone)),
            // Alone it stays as it was: there is nobody to be late for.
            None if alone => {}
            None => self.fence.goes_up_at(Some(self.began)),
        }
    }

    /// The lease ran out, or is worth nothing any more.
    pub(super) fn end(&mut self) {
        self.rule.end();
        self.fence.goes_up_at(Some(self.began));
    }

    /// The controller says that the broker is fenced, by the metadata as of then.
    pub(super) fn refused(&mut self, as_of: LogIndex) {
        self.rule.refused(MetadataIndex(as_of.0));
        self.fence.goes_up_at(Some(self.began));
    }

    /// The controller knows metadata that the partitions were not told of yet.
    pub(super) fn is_behind(&self) -> bool {
        self.rule.is_behind()
    }

    pub(super) fn holds(&self) -> bool {
        !self.fence.is_up()
    }

    /// When it ends if no beat is answered; nothing when it does not hold.
    pub(super) fn ends(&self) -> Option<Instant> {
        let until = self.rule.deadline()?;
        let since = std::time::Duration::from_millis(until.0.unsigned_abs());
        self.began.checked_add(since)
    }

    fn millis(&self, at: Instant) -> Millis {
        let since = at.saturating_duration_since(self.began).as_millis();
        Millis(i64::try_from(since).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_fence_is_down_only_while_the_lease_lasts() {
        let fence = Arc::new(Fence::default());
        let mut lease = Lease::none(DurationMs(60_000), Arc::clone(&fence));
        assert!(fence.is_up() && lease.ends().is_none());
        let sent = Instant::now();
        lease.answered(sent, LogIndex(7), false);
        assert!(fence.is_up() && lease.is_behind(), "what the controller knows is not followed yet");
        lease.followed(LogIndex(7), false);
        assert!(!fence.is_up() && !lease.is_behind());
        assert!(lease.ends().is_some_and(|ends| ends < sent + Duration::from_secs(60)));
        lease.end();
        assert!(fence.is_up() && !lease.holds());
        lease.answered(Instant::now(), LogIndex(8), true);
        assert!(fence.is_up());
        lease.followed(LogIndex(8), true);
        assert!(!fence.is_up());
    }

    #[test]
    fn a_lease_that_nobody_extends_puts_the_fence_up() {
        let fence = Arc::new(Fence::default());
        let mut lease = Lease::none(DurationMs(0), Arc::clone(&fence));
        lease.answered(Instant::now(), LogIndex(0), false);
        assert!(fence.is_up());
    }
}
