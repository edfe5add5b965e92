//! How far a reader may see, and whether the offset it asks for exists.

use weir_model::{BrokerId, LeaderEpoch, Offset};

use super::replica::Role;
use super::{FenceError, ReadError, Replica};

/// Which records a consumer wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Everything committed to the log.
    ReadUncommitted,
    /// Only what is outside of open transactions.
    ReadCommitted,
}

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A client: sees what is committed.
    Consumer(Isolation),
    /// A replica: sees everything.
    Follower(BrokerId),
}

/// How far a read may go, and what the answer says of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadBound {
    /// Read nothing at or beyond this offset.
    pub limit: Offset,
    /// The end of what is committed.
    pub high_watermark: Offset,
    /// The end of what is outside of open transactions.
    pub last_stable_offset: Offset,
    /// The first offset.
    pub log_start: Offset,
}

impl Replica {
    /// Whether `reader` may read at `offset`, and how far. Consumers may also read from a follower (KIP-392).
    pub fn read(
        &self,
        reader: Reader,
        offset: Offset,
        epoch: Option<LeaderEpoch>,
    ) -> Result<ReadBound, ReadError> {
        self.check_epoch(epoch)?;
        let (start, end) = (self.log_start, self.log_end);
        let out_of_range = ReadError::OutOfRange { asked: offset, start, end };
        match (&self.role, reader) {
            // Somebody else may lead by now, and have what this broker has never heard of. A consumer must not go back for it.
            (Role::Leader(_), Reader::Consumer(_)) if offset > end && self.fenced => {
                Err(FenceError::NotLeader.into())
            }
            (Role::Leader(_), _) if offset < start || offset > end => Err(out_of_range),
            (Role::Leader(_), _) => Ok(self.bound(reader)),
            (Role::Follower(_), Reader::Consumer(_)) if offset < start => Err(out_of_range),
            // Only the leader knows whether there is such an offset. A consumer must not go back for this.
            (Role::Follower(_), Reader::Consumer(_)) if offset > self.visible_to(reader) => {
                Err(ReadError::NotYetKnown)
            }
            (Role::Follower(_), Reader::Consumer(_)) => Ok(self.bound(reader)),
            (Role::Follower(_) | Role::Bystander, _) => Err(FenceError::NotLeader.into()),
        }
    }

    pub(super) const fn bound(&self, reader: Reader) -> ReadBound {
        ReadBound {
            limit: self.visible_to(reader),
            high_watermark: self.high_watermark,
            last_stable_offset: self.last_stable_offset(),
            log_start: self.log_start,
        }
    }

    /// The end of what a reader may see.
    #[must_use]
    pub const fn visible_to(&self, reader: Reader) -> Offset {
        match reader {
            Reader::Consumer(Isolation::ReadUncommitted) => self.high_watermark,
            Reader::Consumer(Isolation::ReadCommitted) => self.last_stable_offset(),
            Reader::Follower(_) => self.log_end,
        }
    }
}
