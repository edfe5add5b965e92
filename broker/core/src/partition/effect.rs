//! What the caller has to do for the machine, and how it is told of results.

use weir_model::{LeaderEpoch, Millis, Offset};

use super::{IsrChange, ProduceError};

/// The caller's handle for one command: it names the batch to append and the reply to send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// How much must have happened before a write is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// Nothing; there is no answer to the client. The caller is told as with [`Acks::Leader`], to close the connection
    /// when it failed.
    None,
    /// The leader has appended it.
    Leader,
    /// Every in-sync replica has it, on disk unless the topic says otherwise.
    All,
}

/// Something the caller has to do, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Write the batch of this token at this offset, stamped with this epoch, after those named before it.
    Append {
        /// Which batch.
        token: Token,
        /// The offset of its first record.
        base_offset: Offset,
        /// The reign to stamp it with.
        leader_epoch: LeaderEpoch,
    },
    /// Answer. Every write is answered once.
    Reply {
        /// Whom.
        token: Token,
        /// With what.
        outcome: Result<Produced, ProduceError>,
    },
    /// A reign began: note it in the log's epoch index before anything is appended.
    LeaderEpochStarted {
        /// The reign.
        epoch: LeaderEpoch,
        /// The offset of its first record to be.
        start: Offset,
    },
    /// Readers may see further: wake the waiting fetches.
    HighWatermark(Offset),
    /// The leader's log starts here by now: delete what comes before, then report [`super::Replica::on_log_start`].
    LogStart(Offset),
    /// Propose this ISR to the controller, then report [`super::Replica::on_isr_answer`].
    AlterIsr(IsrChange),
    /// Cut the log below what is damaged in it, before this replica fetches in this reign; then report
    /// [`super::Replica::on_truncated`] and [`super::Replica::on_repaired`].
    CutDamage,
}

/// Where a written batch came to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Produced {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// The broker's timestamp, where the broker stamps records or the batch was a duplicate.
    pub append_time: Millis,
    /// The first offset of the log.
    pub log_start: Offset,
}
