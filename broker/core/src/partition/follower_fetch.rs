//! A follower's fetch, on the leader: whether its log is a prefix of this one, what it proves the follower to hold, and
//! how far it may read. Only a fetch that passes every check counts as progress.

use weir_model::{BrokerId, LeaderEpoch, Millis, Offset};

use super::leader::Follower;
use super::leader_epochs::{EpochEnd, EpochStart, diverging_epoch};
use super::replica::{Replica, Role};
use super::{Effect, FenceError, ReadBound, ReadError, Reader};

/// A follower asks for what comes after what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerFetch {
    /// Who.
    pub broker: BrokerId,
    /// The registration it lives under.
    pub broker_epoch: i64,
    /// By this broker's metadata it may join the ISR: unfenced, not shutting down, of that very registration.
    pub eligible: bool,
    /// The reign it follows.
    pub leader_epoch: LeaderEpoch,
    /// The end of what it holds; where the topic's durability is fsync, the end of what it has synced.
    pub offset: Offset,
    /// The reign of its last record; `None` when its log is empty.
    pub last_fetched_epoch: Option<LeaderEpoch>,
}

/// What to answer a follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowerRead {
    /// Records from its offset on, up to this bound.
    From(ReadBound),
    /// Its log parts from this one here. It counts as holding nothing new.
    Diverging(EpochEnd),
}

impl Replica {
    /// Takes a follower's fetch. `reigns` is the log's index of reigns.
    pub fn follower_fetch(
        &mut self,
        fetch: FollowerFetch,
        reigns: &[EpochStart],
        now: Millis,
        effects: &mut Vec<Effect>,
    ) -> Result<FollowerRead, ReadError> {
        self.check_epoch(Some(fetch.leader_epoch))?;
        let (start, end) = (self.log_start, self.log_end);
        let Role::Leader(leader) = &mut self.role else { return Err(FenceError::NotLeader.into()) };
        let broker = fetch.broker;
        let follower = leader.follower(broker).ok_or(FenceError::NotReplica { broker })?;
        if fetch.broker_epoch < follower.broker_epoch {
            return Err(FenceError::StaleBroker { broker }.into());
        }
        let last = fetch.last_fetched_epoch.filter(|epoch| epoch.0 >= 0);
        if let Some(parts) = last.and_then(|last| diverging_epoch(reigns, last, fetch.offset, end)) {
            return Ok(FollowerRead::Diverging(parts));
        }
        if fetch.offset < start || fetch.offset > end {
            return Err(ReadError::OutOfRange { asked: fetch.offset, start, end });
        }
        follower.on_fetch(&fetch, end, now);
        // Proposed before the watermark moves: who is about to join must not be left behind by it.
        self.propose_isr(now, effects);
        self.advance_high_watermark(effects);
        Ok(FollowerRead::From(self.bound(Reader::Follower(broker))))
    }
}

impl Follower {
    /// Caught up as Kafka has it: it has now all there is, or all there was when it fetched the last time.
    fn on_fetch(&mut self, fetch: &FollowerFetch, log_end: Offset, now: Millis) {
        if fetch.broker_epoch != self.broker_epoch {
            (self.broker_epoch, self.last_fetch) = (fetch.broker_epoch, None);
        }
        let caught_up = match self.last_fetch {
            _ if fetch.offset >= log_end => Some(now),
            Some((then, end_then)) if fetch.offset >= end_then => Some(then),
            Some(_) | None => None,
        };
        self.caught_up_at = caught_up.map_or(self.caught_up_at, |at| at.max(self.caught_up_at));
        self.end = Some(fetch.offset);
        self.eligible = fetch.eligible;
        self.last_fetch = Some((now, log_end));
    }
}
