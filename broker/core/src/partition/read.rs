//! How far a reader may see, and whether the offset it asks for exists.

use weir_model::{BrokerId, LeaderEpoch, Offset};

use super::{ReadError, Replica};

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
    /// Whether `reader` may read at `offset`, and how far.
    pub fn read(
        &self,
        reader: Reader,
        offset: Offset,
        epoch: Option<LeaderEpoch>,
    ) -> Result<ReadBound, ReadError> {
        self.lead_in(epoch)?;
        let (start, end) = (self.log_start, self.log_end);
        if offset < start || offset > end {
            return Err(ReadError::OutOfRange { asked: offset, start, end });
        }
        Ok(ReadBound {
            limit: self.visible_to(reader),
            high_watermark: self.high_watermark,
            last_stable_offset: self.last_stable_offset(),
            log_start: start,
        })
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
