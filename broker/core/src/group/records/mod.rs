//! The records of `__consumer_offsets`, in Kafka's own layout so that Kafka's tools can read the topic.
//! Every record is the newest value of its key, so a compacted log replays to the same state as the whole one.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use weir_model::{DurationMs, LeaderEpoch, Millis, Offset, PartitionIndex, TopicId, TopicName};

pub use decode::{Skipped, decode};
pub use encode::{Unencodable, encode_key, encode_value};

use super::ids::{Generation, GroupId, InstanceId, MemberId, ProtocolName, ProtocolType};

/// One change of a shard's committed state. `None` is a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The group as of its last completed rebalance.
    Group {
        /// The key.
        group: GroupId,
        /// The group, or its end.
        meta: Option<GroupMeta>,
    },
    /// One committed offset.
    Offset {
        /// The key.
        key: OffsetKey,
        /// The offset, or its end.
        value: Option<CommittedOffset>,
    },
}

impl Record {
    pub(in super::super) fn offset_tombstone(
        group: &GroupId,
        topic: &TopicName,
        partition: PartitionIndex,
    ) -> Self {
        let key = OffsetKey { group: group.clone(), topic: topic.clone(), partition };
        Self::Offset { key, value: None }
    }

    /// The group that the record is about.
    #[must_use]
    pub fn group(&self) -> &GroupId {
        match self {
            Self::Group { group, .. } | Self::Offset { key: OffsetKey { group, .. }, .. } => group,
        }
    }
}

/// A group at a stable or empty generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupMeta {
    /// The family of the members' protocols; `None` if there never was a member.
    pub protocol_type: Option<ProtocolType>,
    /// The generation.
    pub generation: Generation,
    /// The protocol in use; `None` when empty.
    pub protocol: Option<ProtocolName>,
    /// Who assigned; `None` when empty.
    pub leader: Option<MemberId>,
    /// When the group came into this state; `None` in records of old brokers.
    pub state_since: Option<Millis>,
    /// The members; none means that the group is empty.
    pub members: BTreeMap<MemberId, MemberMeta>,
}

/// One member of a stable generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberMeta {
    /// What the member said of itself.
    pub profile: Profile,
    /// Its metadata for the protocol in use.
    pub subscription: Bytes,
    /// Its assignment.
    pub assignment: Bytes,
}

/// What a member says of itself when it joins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Set for a static member.
    pub instance: Option<InstanceId>,
    /// Its client id.
    pub client_id: Arc<str>,
    /// Its address.
    pub client_host: Arc<str>,
    /// How long a rebalance waits for it.
    pub rebalance_timeout: DurationMs,
    /// How long it may be silent.
    pub session_timeout: DurationMs,
}

/// What an offset is filed under.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OffsetKey {
    /// The group.
    pub group: GroupId,
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
}

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to consume.
    pub offset: Offset,
    /// The epoch of the last consumed record, or `LeaderEpoch::NONE`.
    pub leader_epoch: LeaderEpoch,
    /// The client's note.
    pub metadata: Arc<str>,
    /// When it was committed.
    pub committed_at: Millis,
    /// When it ends, if an old client said so. Such a value has no room for epoch and topic id.
    pub expires_at: Option<Millis>,
    /// The topic's id, or `TopicId::ZERO`.
    pub topic_id: TopicId,
}
