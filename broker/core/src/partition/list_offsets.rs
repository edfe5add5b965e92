//! ListOffsets: which question is answered from the machine's numbers, and which needs a search of the log.

use weir_model::{LeaderEpoch, Millis, Offset};

use super::replica::Role;
use super::{FenceError, ReadError, Reader, Replica};

/// What is asked for, as the protocol's timestamp field says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListOffsets {
    /// -1: the end of what the reader may see.
    Latest,
    /// -2, and -4 where nothing lies in remote storage: the start of the log.
    Earliest,
    /// -3: the record with the latest timestamp.
    MaxTimestamp,
    /// -5 and -6: about remote storage, of which there is none.
    Tiered,
    /// The first record at or after a time.
    AtOrAfter(Millis),
}

/// The answer, or what to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// This offset; its leader epoch is the log's to tell.
    Offset(Offset),
    /// The end offset, and the current reign that goes with it.
    End(Offset, LeaderEpoch),
    /// Look for the latest timestamp, then pass what was found to [`bounded`].
    SearchMaxTimestamp {
        /// Nothing at or beyond this offset may be shown.
        limit: Offset,
    },
    /// Look for the first record at or after the time, then pass what was found to [`bounded`].
    Search {
        /// The time.
        at_or_after: Millis,
        /// Nothing at or beyond this offset may be shown.
        limit: Offset,
    },
    /// There is no such record.
    Nothing,
}

impl ListOffsets {
    /// Reads the protocol's timestamp field.
    #[must_use]
    pub const fn from_timestamp(timestamp: i64) -> Option<Self> {
        match timestamp {
            -1 => Some(Self::Latest),
            -2 | -4 => Some(Self::Earliest),
            -3 => Some(Self::MaxTimestamp),
            -5 | -6 => Some(Self::Tiered),
            at if at >= 0 => Some(Self::AtOrAfter(Millis(at))),
            _ => None,
        }
    }
}

impl Replica {
    /// Answers, or says what to look for.
    pub fn list_offsets(
        &self,
        what: ListOffsets,
        reader: Reader,
        epoch: Option<LeaderEpoch>,
    ) -> Result<Listed, ReadError> {
        self.lead_in(epoch)?;
        let limit = self.visible_to(reader);
        match what {
            ListOffsets::Earliest => Ok(Listed::Offset(self.log_start)),
            ListOffsets::Tiered => Ok(Listed::Nothing),
            ListOffsets::Latest => Ok(Listed::End(self.visible_end(reader)?, self.leader_epoch)),
            ListOffsets::MaxTimestamp => Ok(Listed::SearchMaxTimestamp { limit }),
            ListOffsets::AtOrAfter(at_or_after) => {
                self.watermark_is_known(reader)?;
                Ok(Listed::Search { at_or_after, limit })
            }
        }
    }

    /// The end of what the reader may see; refused by whoever can not know it.
    pub fn visible_end(&self, reader: Reader) -> Result<Offset, ReadError> {
        self.watermark_is_known(reader)?;
        Ok(self.visible_to(reader))
    }

    /// A new leader may not know yet what the last one committed, and one that has fenced itself not what the next one did;
    /// telling a consumer a smaller end than it has seen before would make it go back.
    fn watermark_is_known(&self, reader: Reader) -> Result<(), ReadError> {
        match (&self.role, reader) {
            (Role::Follower(_) | Role::Bystander, _) => Err(FenceError::NotLeader.into()),
            (Role::Leader(_), Reader::Consumer(_)) if self.fenced => Err(FenceError::NotLeader.into()),
            (Role::Leader(leader), Reader::Consumer(_)) if self.high_watermark < leader.epoch_start => {
                Err(ReadError::NotYetKnown)
            }
            (Role::Leader(_), _) => Ok(()),
        }
    }
}

/// What a search found, unless the reader may not see it.
#[must_use]
pub fn bounded(found: Option<(Offset, Millis)>, limit: Offset) -> Option<(Offset, Millis)> {
    found.filter(|(offset, _)| *offset < limit)
}
